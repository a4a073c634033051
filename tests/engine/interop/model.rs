//! What both applications must come to, computed the slow way from all input.

use std::collections::BTreeMap;

use topo::partition_of;
use topo::state::{Codec, Window, WindowSize, Windowed, i64_be, session_windowed, utf8};

use super::PARTITIONS;
use super::topology::{ANSWER_MS, GAP_MS, GRACE_MS, WINDOW_MS, windows};

/// A record of an input topic.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) topic: &'static str,
    pub(super) key: String,
    pub(super) value: Option<String>,
    pub(super) time: i64,
}

/// Newest value bytes by key bytes.
pub(super) type Newest = BTreeMap<Vec<u8>, Vec<u8>>;
/// A value and its timestamp.
pub(super) type Stamped<V> = (V, i64);

/// All stores, and the last located word of each user.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) people: BTreeMap<String, Stamped<String>>,
    pub(super) counts: BTreeMap<String, Stamped<i64>>,
    pub(super) windowed: BTreeMap<(String, i64), Stamped<i64>>,
    pub(super) cities: BTreeMap<String, Stamped<i64>>,
    pub(super) orders: BTreeMap<String, Stamped<String>>,
    /// Questions and answers: who, what, when.
    asked: Vec<Input>,
    answered: Vec<Input>,
    located: BTreeMap<String, String>,
    /// When each user said something, each time.
    said: BTreeMap<String, Vec<i64>>,
    /// Rates of each user over time, and the last one that came.
    rates: BTreeMap<String, BTreeMap<i64, Option<String>>>,
    told: BTreeMap<String, String>,
    rated: BTreeMap<String, String>,
    /// Stream time of each partition of the words.
    times: BTreeMap<i32, i64>,
    /// The newest timestamp among the window results of each partition.
    results: BTreeMap<i32, i64>,
    /// Windows that took no record any more.
    pub(super) late: usize,
}

impl Model {
    pub(super) fn take(&mut self, input: &Input) {
        match input.topic {
            "people" => self.person(input),
            "asked" => self.asked.push(input.clone()),
            "answered" => self.answered.push(input.clone()),
            "rates" => self.rate(input),
            "orders" => set(&mut self.orders, input).map_or((), drop),
            _ => self.word(input),
        }
    }

    fn person(&mut self, input @ Input { value, time, .. }: &Input) {
        let old = set(&mut self.people, input);
        let moves = old.map(|(city, _)| (city, -1)).into_iter().chain(value.clone().map(|city| (city, 1)));
        for (city, change) in moves {
            add(self.cities.entry(city).or_insert((0, *time)), change, *time);
        }
    }

    fn rate(&mut self, Input { key, value, time, .. }: &Input) {
        self.rates.entry(key.clone()).or_default().insert(*time, value.clone());
        match value {
            Some(rate) => self.told.insert(key.clone(), rate.clone()),
            None => self.told.remove(key),
        };
    }

    /// What a user's rate was at a time.
    fn rate_of(&self, user: &str, time: i64) -> Option<&String> {
        self.rates.get(user)?.range(..=time).next_back()?.1.as_ref()
    }

    /// When each user's rate begins to hold, and the moment before.
    pub(super) fn moments(&self) -> Vec<(String, i64)> {
        let of = |(user, versions): (&String, &BTreeMap<i64, _>)| {
            versions
                .keys()
                .flat_map(|time| [(user.clone(), time - 1), (user.clone(), *time)])
                .collect::<Vec<_>>()
        };
        self.rates.iter().flat_map(of).collect()
    }

    pub(super) fn rates_of_all_moments(&self) -> BTreeMap<(String, i64), String> {
        let rate =
            |(user, time): (String, i64)| Some(((user.clone(), time), self.rate_of(&user, time)?.clone()));
        self.moments().into_iter().filter_map(rate).collect()
    }

    /// Runs of words of one user with pauses of at most the gap: user and session, and how many words it has.
    pub(super) fn sessions(&self) -> BTreeMap<(String, Window), i64> {
        let mut sessions = BTreeMap::new();
        for (user, times) in &self.said {
            let mut times = times.clone();
            times.sort_unstable();
            for run in times.chunk_by(|one, next| next - one <= GAP_MS) {
                let window = Window { start: run[0], end: run[run.len() - 1] };
                sessions.insert((user.clone(), window), i64::try_from(run.len()).unwrap());
            }
        }
        sessions
    }

    fn word(&mut self, Input { key, value, time, .. }: &Input) {
        let word = value.clone().unwrap();
        add(self.counts.entry(word.clone()).or_insert((0, *time)), 1, *time);
        let partition = partition_of(key.as_bytes(), PARTITIONS);
        let now = self.times.entry(partition).or_insert(*time);
        *now = (*now).max(*time);
        let start = time.div_euclid(WINDOW_MS) * WINDOW_MS;
        if start + WINDOW_MS + GRACE_MS > *now {
            let count = self.windowed.entry((key.clone(), start)).or_insert((0, *time));
            add(count, 1, *time);
            let results = self.results.entry(partition).or_insert(*time);
            *results = (*results).max(count.1);
        } else {
            self.late += 1;
        }
        self.said.entry(key.clone()).or_default().push(*time);
        if let Some(rate) = self.rate_of(key, *time) {
            self.rated.insert(key.clone(), format!("{word}*{rate}"));
        }
        if let Some((city, _)) = self.people.get(key) {
            self.located.insert(key.clone(), format!("{word}@{city}"));
        }
    }

    /// Each question with each answer that came in time, the quadratic way.
    fn pairs(&self) -> Vec<String> {
        let mut pairs = Vec::new();
        for asked in &self.asked {
            let in_time = |it: &&Input| (0..=ANSWER_MS).contains(&(it.time - asked.time));
            for answered in self.answered.iter().filter(|it| it.key == asked.key).filter(in_time) {
                let text = |input: &Input| input.value.clone().unwrap_or_default();
                pairs.push(format!("{}={}", text(asked), text(answered)));
            }
        }
        pairs
    }

    /// Orders beside the city of whoever gave them.
    pub(super) fn priced(&self) -> BTreeMap<String, String> {
        let priced = self.orders.iter().filter_map(|(id, (order, _))| {
            let (city, _) = self.people.get(order.split(':').next()?)?;
            Some((id.clone(), format!("{order}@{city}")))
        });
        priced.collect()
    }

    /// The newest record of each key of an output topic.
    pub(super) fn output(&self, topic: &str) -> Newest {
        let text = |text: &String| bytes(&*utf8(), text);
        let count = |count: &i64| bytes(&*i64_be(), count);
        match topic {
            "counts" => self.counts.iter().map(|(word, it)| (text(word), count(&it.0))).collect(),
            "cities" => self.cities.iter().map(|(city, it)| (text(city), count(&it.0))).collect(),
            "told" => self.told.iter().map(|(user, rate)| (text(user), text(rate))).collect(),
            "rated" => self.rated.iter().map(|(user, rated)| (text(user), text(rated))).collect(),
            "sessions" => {
                let key = |(key, window): (String, Window)| {
                    bytes(&*session_windowed(utf8()), &Windowed { key, window })
                };
                self.sessions().into_iter().map(|(session, it)| (key(session), count(&it))).collect()
            }
            "located" => self.located.iter().map(|(user, place)| (text(user), text(place))).collect(),
            "windowed" => {
                self.windowed.iter().map(|((user, start), it)| (window(user, *start), count(&it.0))).collect()
            }
            "final" => {
                let closed = |user: &str, start: i64| {
                    let now = self.results[&partition_of(user.as_bytes(), PARTITIONS)];
                    start + WINDOW_MS + GRACE_MS <= now
                };
                let closed = self.windowed.iter().filter(|((user, start), _)| closed(user, *start));
                closed.map(|((user, start), it)| (window(user, *start), count(&it.0))).collect()
            }
            "priced" => self.priced().iter().map(|(order, price)| (text(order), text(price))).collect(),
            "pairs" => self.pairs().iter().map(|pair| (text(pair), text(pair))).collect(),
            other => panic!("no output {other}"),
        }
    }
}

fn set(table: &mut BTreeMap<String, Stamped<String>>, input: &Input) -> Option<Stamped<String>> {
    match &input.value {
        Some(value) => table.insert(input.key.clone(), (value.clone(), input.time)),
        None => table.remove(&input.key),
    }
}

fn add(sum: &mut Stamped<i64>, change: i64, time: i64) {
    *sum = (sum.0 + change, sum.1.max(time));
}

fn window(user: &str, start: i64) -> Vec<u8> {
    let window = Window::starting_at(start, WindowSize::millis(WINDOW_MS));
    bytes(&*windows(), &Windowed { key: user.to_owned(), window })
}

fn bytes<T: 'static>(codec: &dyn Codec<T>, datum: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec.encode(datum, &mut bytes).unwrap();
    bytes
}
