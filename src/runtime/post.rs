//! The way of messages between the parts of a process that is stepped by hand. Between threads a message may come at any
//! moment, also in the middle of a step: whoever steps decides when it does.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

/// Messages for one part.
pub(super) struct Post<T> {
    sent: Receiver<T>,
    lying: VecDeque<T>,
    /// `None`: nobody sends any more, and the part can see that.
    part: Option<Sender<T>>,
}

impl<T> Post<T> {
    /// Where messages are sent, how they go, and where they arrive.
    pub(super) fn new() -> (Sender<T>, Self, Receiver<T>) {
        let ((sender, sent), (part, inbox)) = (channel(), channel());
        (sender, Self { sent, lying: VecDeque::new(), part: Some(part) }, inbox)
    }

    /// Whether something was sent and not delivered.
    pub(super) fn has_any(&mut self) -> bool {
        self.lying.extend(self.sent.try_iter());
        !self.lying.is_empty()
    }

    /// Delivers everything, in the order it was sent.
    pub(super) fn deliver(&mut self) {
        let ended = loop {
            match self.sent.try_recv() {
                Ok(message) => self.lying.push_back(message),
                Err(error) => break error == TryRecvError::Disconnected,
            }
        };
        if let Some(part) = &self.part {
            // A part that is gone needs no mail.
            self.lying.drain(..).for_each(|message| drop(part.send(message)));
        }
        if ended {
            self.part = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lie_until_they_are_delivered_and_the_end_comes_behind_the_last() {
        let (sender, mut post, inbox) = Post::new();
        sender.send(1).unwrap();
        assert!(post.has_any());
        sender.send(2).unwrap();
        drop(sender);
        assert_eq!(inbox.try_recv(), Err(TryRecvError::Empty));
        post.deliver();
        assert!(!post.has_any());
        assert_eq!(inbox.try_iter().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(inbox.try_recv(), Err(TryRecvError::Disconnected));
    }
}
