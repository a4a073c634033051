//! The page of `velocity`.

use topo::state::{bincode, bytes, utf8};
use topo::{Builder, Codecs, KeyValue, Topic, Topology, TopologyErrors};

use super::accounts::{AccountEvent, AccountStores, Accounts, Role};
use super::claims::{ClaimStores, Claims};
use super::intake::Intake;
use super::rules::Spans;
use super::verdicts::Verdicts;

/// Topics and spans of `velocity`.
#[derive(Clone, Debug)]
pub struct VelocityConfig {
    /// Topic of the payments.
    pub input_topic: String,
    /// Topic of the verdicts.
    pub output_topic: String,
    /// The spans of the rules.
    pub spans: Spans,
    /// How much later than stream time a payment may be without being called late, milliseconds.
    pub grace_ms: i64,
}

impl Default for VelocityConfig {
    fn default() -> Self {
        Self {
            input_topic: "transactions".to_owned(),
            output_topic: "velocity.verdicts".to_owned(),
            spans: Spans { window_ms: 24 * 3_600_000, rapid_ms: 60_000 },
            grace_ms: 3_600_000,
        }
    }
}

/// A verdict for every payment: how often and how much its accounts have moved lately.
///
/// # Errors
/// What is wrong with the topology, which only names from the configuration can cause.
pub fn topology(config: &VelocityConfig) -> Result<Topology, TopologyErrors> {
    let VelocityConfig { spans, grace_ms, .. } = *config;
    let keep_ms = spans.window_ms.max(spans.rapid_ms).saturating_add(grace_ms);
    let app = Builder::new("velocity");
    let input = Topic::new(&*config.input_topic, bytes(), bytes());
    let output = Topic::<String, Vec<u8>>::new(&*config.output_topic, utf8(), bytes());

    // Every payment with its place in the time of its partition.
    let payments = app.stream("payments", &input).process("intake", (), move || Intake { grace_ms });

    // To both of its accounts, in the order of its partition ...
    let by_account = payments
        .flat_map("sides", |_, payment| {
            [Role::Debtor, Role::Creditor]
                .map(|role| (role.account_key(&payment), AccountEvent::Payment(Box::new(payment.clone()))))
        })
        .repartition("account-payments", Codecs::new(utf8(), bincode()));

    // ... and, beside that, to whoever knows whether its transactionId is new.
    let claim_stores = ClaimStores {
        claims: app.store(KeyValue::new("claims-store", utf8(), bincode())),
        ends: app.store(KeyValue::new("claims-ends", bytes(), bincode())),
    };
    let decisions = payments
        .repartition("transaction-payments", Codecs::new(utf8(), bincode()))
        .process("claims", (claim_stores.claims, claim_stores.ends), move || {
            Claims::new(claim_stores, keep_ms)
        })
        .repartition("account-decisions", Codecs::new(utf8(), bincode()));

    // An account counts its payments one after the other, as they are decided.
    let stores = AccountStores {
        accounts: app.store(KeyValue::new("accounts-store", utf8(), bincode())),
        waiting: app.store(KeyValue::new("accounts-waiting", bytes(), bincode())),
        windows: app.store(KeyValue::new("accounts-windows", bytes(), bincode())),
        looks: app.store(KeyValue::new("accounts-looks", bytes(), bincode())),
    };
    let halves = by_account
        .merge("account-events", &decisions)
        .process("accounts", (stores.accounts, stores.waiting, stores.windows, stores.looks), move || {
            Accounts::new(stores, spans, grace_ms)
        })
        .repartition("transaction-halves", Codecs::new(utf8(), bincode()));

    // What its two accounts have counted makes the verdict.
    let halves_store = app.store(KeyValue::new("halves-store", bytes(), bincode()));
    halves
        .process_values("verdicts", halves_store, move || Verdicts { halves: halves_store, spans })
        .to("verdicts-out", &output);

    app.build()
}
