//! The faults a simulation injects, and the calls it injects them into.

macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the text beside each says it")]
        #[non_exhaustive]
        pub enum $name { $($variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// In words.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

named! {
    /// Something that goes wrong.
    Fault {
        CrashBeforeCall = "crash before a broker call",
        CrashAfterCall = "crash after a broker call",
        CrashBetweenSteps = "crash between two steps",
        CrashBeforeStoreWrite = "crash before a store write",
        CrashAfterStoreWrite = "crash after a store write",
        LateRequest = "request of a crashed process arrives late",
        RequestLost = "request lost",
        ReplyLost = "reply lost",
        ClientStalled = "client without answers for a while",
        ShortPoll = "poll returns less than there is",
        ProduceError = "produce error",
        ReaderRefuses = "reader refuses another partition or place",
        Frozen = "process stopped and resumed",
        Expelled = "member expelled",
        MembershipEnded = "membership of no use after a loss",
        LateNews = "news of the group heard late",
        LateMail = "word of another thread heard late",
        BrokerRestart = "broker away and back",
        CoordinatorChange = "coordinator away and back",
        TransactionTimeout = "transaction aborted by timeout",
        MarkerDelayed = "transaction marker delayed",
        StoreWriteError = "store write refused",
        OlderStore = "restart with an older store",
        StoreGone = "restart without the store",
        CleanStop = "clean stop and start",
        Resized = "another number of workers",
        Compaction = "changelogs compacted",
        InputAborted = "aborted records in the input",
    }
}

named! {
    /// A call of the broker's clients.
    Call {
        OpenConsumer = "open a reader",
        OpenProducer = "open a writer",
        OpenMembership = "open a membership",
        OpenAdmin = "open an admin",
        Assign = "assign",
        Unassign = "unassign",
        Seek = "seek",
        Pause = "pause",
        Resume = "resume",
        Poll = "poll",
        Position = "position",
        Committed = "committed",
        Watermarks = "watermarks",
        CommitOffsets = "commit offsets",
        Init = "init transactions",
        Begin = "begin",
        Send = "send",
        Delivered = "delivered",
        SendOffsets = "send offsets",
        Commit = "commit",
        Abort = "abort",
        GroupPoll = "group poll",
        Release = "release",
        Token = "token",
        Leave = "leave",
        ClusterId = "cluster id",
        Partitions = "partitions",
        Create = "create topics",
        Settings = "settings",
        DeleteRecords = "delete records",
        Holders = "holders",
        StoreWrite = "store write",
    }
}

impl Call {
    /// Whether it belongs to a moment, not to every step.
    pub(super) fn is_rare(self) -> bool {
        !matches!(self, Self::Poll | Self::Delivered | Self::GroupPoll | Self::Token | Self::Send)
    }
}

/// How often each fault was injected, and where.
#[derive(Clone, Debug)]
pub struct Counts {
    faults: Vec<u64>,
    /// Per call: made, crashed before, crashed after, request lost, reply lost.
    calls: Vec<[u64; 5]>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { faults: vec![0; Fault::ALL.len()], calls: vec![[0; 5]; Call::ALL.len()] }
    }
}

impl Counts {
    pub(super) fn fault(&mut self, fault: Fault) {
        self.faults[fault as usize] += 1;
    }

    pub(super) fn called(&mut self, call: Call) {
        self.calls[call as usize][0] += 1;
    }

    pub(super) fn hit(&mut self, call: Call, fault: Fault) {
        self.fault(fault);
        let place = match fault {
            Fault::CrashBeforeCall | Fault::CrashBeforeStoreWrite => 1,
            Fault::CrashAfterCall | Fault::CrashAfterStoreWrite => 2,
            Fault::RequestLost | Fault::StoreWriteError => 3,
            _ => 4,
        };
        self.calls[call as usize][place] += 1;
    }

    /// How often this fault was injected.
    pub fn of(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }

    /// How often a call was made, and how often it was hit by: a crash before it, a crash after it, a lost request, a lost
    /// reply.
    pub fn at(&self, call: Call) -> [u64; 5] {
        self.calls[call as usize]
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (all, more) in self.faults.iter_mut().zip(&other.faults) {
            *all += more;
        }
        for (all, more) in self.calls.iter_mut().zip(&other.calls) {
            all.iter_mut().zip(more).for_each(|(all, more)| *all += more);
        }
    }
}
