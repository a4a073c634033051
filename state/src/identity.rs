//! Whose state a directory holds.

use serde::{Deserialize, Serialize};

/// The owner of a state directory. Application, cluster and task must match on every opening.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Application id.
    pub application: String,
    /// Id of the Kafka cluster the changelogs live on.
    pub cluster_id: String,
    /// Sub-topology and partition.
    pub task: String,
    /// Fingerprint of the topology that wrote last. Recorded for people; a new one is no error.
    pub fingerprint: String,
}

impl Identity {
    /// What is different about the owner recorded on disk, if anything.
    pub(crate) fn conflict_with(&self, recorded: &Self) -> Option<String> {
        let fields = [
            ("application", &recorded.application, &self.application),
            ("cluster", &recorded.cluster_id, &self.cluster_id),
            ("task", &recorded.task, &self.task),
        ];
        let (what, found, wanted) = fields.into_iter().find(|(_, found, wanted)| found != wanted)?;
        Some(format!("it belongs to {what} {found:?}, not {wanted:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_application_cluster_or_task_conflicts_and_another_fingerprint_does_not() {
        let own = Identity { application: "a".into(), ..Identity::default() };
        let with = |change: fn(&mut Identity)| {
            let mut other = own.clone();
            change(&mut other);
            own.conflict_with(&other)
        };
        assert_eq!(with(|it| it.fingerprint = "x".into()), None);
        assert_eq!(
            with(|it| it.application = "b".into()),
            Some("it belongs to application \"b\", not \"a\"".into())
        );
        assert!(with(|it| it.cluster_id = "b".into()).is_some());
        assert!(with(|it| it.task = "b".into()).is_some());
    }
}
