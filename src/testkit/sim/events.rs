//! What befalls whole machines and the broker between two steps.

use super::chaos::{Late, Rates};
use super::fault::Fault;
use super::plan::Plan;
use super::random::Random;
use super::slot::Life;
use super::world::{Broken, World, text};

/// How rough one run is. Every seed draws its own mixture: some faults often, most rarely, many not at all.
pub(super) struct Weather {
    /// Faults end then.
    pub(super) until: i64,
    pub(super) calm: bool,
    pub(super) ghosts: bool,
    rates: Rates,
    /// Rounds in ten thousand with this event.
    events: [u64; EVENTS.len()],
    markers_are_slow: bool,
    broker_away_until: i64,
}

/// The events of a round.
#[derive(Clone, Copy, Debug)]
enum Event {
    Crash,
    Freeze,
    Expel,
    BrokerRestart,
    CoordinatorChange,
    CleanStop,
    Compact,
    Resize,
}

const EVENTS: [Event; 8] = [
    Event::Crash,
    Event::Freeze,
    Event::Expel,
    Event::BrokerRestart,
    Event::CoordinatorChange,
    Event::CleanStop,
    Event::Compact,
    Event::Resize,
];

impl Weather {
    pub(super) fn new(random: &mut Random, plan: &Plan) -> Self {
        let until = 1_000_000 + random.between(800, 3_000);
        let mut rate = |most: i64| match random.below(4) {
            0 => random.between(1, most).unsigned_abs(),
            1 => random.between(1, (most / 10).max(1)).unsigned_abs(),
            _ => 0,
        };
        let rates = Rates {
            crash_before: rate(3_000),
            crash_after: rate(3_000),
            request_lost: rate(60_000),
            reply_lost: rate(60_000),
            stall: rate(5_000),
            produce_error: rate(100_000),
            short_poll: rate(500_000),
            late_news: rate(300_000),
            late_mail: rate(500_000),
            refusal: rate(50_000),
            store_crash: rate(40_000),
            store_error: rate(20_000),
        };
        let events = [rate(100), rate(100), rate(150), rate(40), rate(80), rate(80), rate(100), rate(100)];
        let (markers_are_slow, ghosts) = (random.chance(1, 2), random.chance(1, 3));
        let mut weather =
            Self { until, calm: false, ghosts, rates, events, markers_are_slow, broker_away_until: 0 };
        if plan.quiet {
            weather.rates = Rates::default();
            weather.events = Default::default();
            weather.markers_are_slow = false;
        }
        weather
    }

    pub(super) fn broker_is_away(&self, now: i64) -> bool {
        now < self.broker_away_until
    }
}

impl World<'_> {
    /// What happens before a round.
    pub(super) fn change_weather(&mut self) -> Result<(), Broken> {
        if !self.weather.calm && self.now >= self.weather.until {
            self.calm_down();
        }
        self.broker_returns();
        self.markers_arrive();
        self.late_requests_arrive()?;
        if !self.weather.calm {
            self.parts.chaos.state().rates = self.weather.rates.clone();
            for (event, rate) in EVENTS.into_iter().zip(self.weather.events) {
                if self.random.draw() % 10_000 < rate {
                    self.befall(event)?;
                }
            }
        }
        self.wake_machines()
    }

    /// Nothing fails any more: whoever is frozen thaws, whoever is down comes back.
    fn calm_down(&mut self) {
        self.weather.calm = true;
        self.weather.broker_away_until = self.weather.broker_away_until.min(self.now);
        let mut state = self.parts.chaos.state();
        state.rates = Rates::default();
        state.calm = true;
        state.broker_away_until = 0;
        state.coordinator_away_until = 0;
        state.late.iter_mut().for_each(|late| late.due = 0);
        state.tell(|| "from here on nothing fails".to_owned());
        for slot in &mut self.slots {
            match &mut slot.life {
                Life::Down { until } | Life::Frozen { until, .. } => *until = 0,
                Life::Up { .. } => {}
            }
        }
    }

    fn befall(&mut self, event: Event) -> Result<(), Broken> {
        let place = self.random.below(self.slots.len());
        let name = self.slots[place].who.name.clone();
        let is_up = matches!(self.slots[place].life, Life::Up { .. });
        let fault = match event {
            Event::Crash if is_up => {
                self.crash(place)?;
                Fault::CrashBetweenSteps
            }
            Event::Freeze if is_up => {
                let until = self.now + self.patience();
                let slot = &mut self.slots[place];
                let life = std::mem::replace(&mut slot.life, Life::Down { until });
                if let Life::Up { process, .. } = life {
                    slot.life = Life::Frozen { process, until };
                }
                Fault::Frozen
            }
            Event::Expel => {
                let client_id = format!("{}-{name}-group", self.naming.application);
                if !self.parts.broker.expel(&self.naming.application, &client_id) {
                    return Ok(());
                }
                Fault::Expelled
            }
            Event::BrokerRestart => {
                let until = self.now + self.patience();
                self.weather.broker_away_until = until;
                self.parts.chaos.state().broker_away_until = until;
                Fault::BrokerRestart
            }
            Event::CoordinatorChange => {
                let until = self.now + self.patience();
                self.parts.chaos.state().coordinator_away_until = until;
                self.parts.broker.renew_sessions();
                Fault::CoordinatorChange
            }
            Event::CleanStop if is_up => {
                if let Life::Up { process, stopping } = &mut self.slots[place].life {
                    process.stop();
                    *stopping = true;
                }
                Fault::CleanStop
            }
            Event::Compact => {
                self.compact()?;
                Fault::Compaction
            }
            Event::Resize if is_up => {
                let workers = 1 + self.random.below(3);
                if let Life::Up { process, .. } = &self.slots[place].life {
                    process.set_workers(workers);
                }
                Fault::Resized
            }
            Event::Crash | Event::Freeze | Event::CleanStop | Event::Resize => return Ok(()),
        };
        self.parts.chaos.state().befall(fault, &name);
        Ok(())
    }

    fn patience(&mut self) -> i64 {
        if self.random.chance(1, 2) { self.random.between(5, 400) } else { self.random.between(400, 2_500) }
    }

    /// What compaction takes out of the changelogs is kept for the checks.
    fn compact(&mut self) -> Result<(), Broken> {
        self.parts.chaos.state().archive.read_all(&self.parts.broker);
        for topic in self.parts.stores.changelogs() {
            // One that does not exist yet has nothing to compact.
            if self.parts.broker.compact(&topic).is_ok() {
                self.parts.chaos.state().archive.compacted(&topic);
            }
        }
        Ok(())
    }

    fn broker_returns(&mut self) {
        if self.weather.broker_away_until > 0 && !self.weather.broker_is_away(self.now) {
            self.weather.broker_away_until = 0;
            self.parts.broker.renew_sessions_at(self.now);
        }
    }

    fn markers_arrive(&mut self) {
        if self.weather.broker_is_away(self.now) {
            return;
        }
        for _ in 0..self.parts.broker.markers() {
            if !self.weather.calm && self.weather.markers_are_slow && self.random.chance(9, 10) {
                self.parts.chaos.state().befall(Fault::MarkerDelayed, "broker");
                continue;
            }
            let place = self.random.below(self.parts.broker.markers());
            self.parts.broker.deliver_marker(place);
        }
    }

    /// Requests of the dead.
    fn late_requests_arrive(&mut self) -> Result<(), Broken> {
        if self.weather.broker_is_away(self.now) {
            return Ok(());
        }
        let mut state = self.parts.chaos.state();
        let (due, later): (Vec<Late>, Vec<Late>) =
            std::mem::take(&mut state.late).into_iter().partition(|late| late.due <= self.now);
        state.late = later;
        for mut late in due {
            let answer = late.producer.commit();
            if answer.is_ok() {
                state.ledger.committed(&late.offsets, &late.who.name);
            }
            state.tell(|| format!("{}: the late commit arrived: {answer:?}", late.who.name));
        }
        Ok(())
    }

    /// Starts what is down for long enough and thaws what was frozen for long enough.
    fn wake_machines(&mut self) -> Result<(), Broken> {
        for place in 0..self.slots.len() {
            let life = std::mem::replace(&mut self.slots[place].life, Life::Down { until: i64::MAX });
            self.slots[place].life = match life {
                Life::Frozen { process, until } if until <= self.now => Life::Up { process, stopping: false },
                Life::Down { until } if until <= self.now => {
                    self.start(place)?;
                    continue;
                }
                other => other,
            };
        }
        Ok(())
    }

    fn start(&mut self, place: usize) -> Result<(), Broken> {
        let name = self.slots[place].who.name.clone();
        if !self.weather.calm && !self.plan.quiet {
            self.tamper(place, &name)?;
        }
        self.slots[place]
            .start(&self.parts)
            .map_err(|error| format!("{name} could not be started: {error}"))?;
        let mut state = self.parts.chaos.state();
        state.digest(0x300, place);
        state.tell(|| format!("{name} starts"));
        Ok(())
    }

    /// What may have happened to a disk while nobody used it.
    fn tamper(&mut self, place: usize, name: &str) -> Result<(), Broken> {
        let slot = &mut self.slots[place];
        let fault = match self.random.below(12) {
            0 => {
                slot.wipe().map_err(text)?;
                Fault::StoreGone
            }
            1 if slot.go_back().map_err(text)? => Fault::OlderStore,
            2 | 3 => {
                slot.remember().map_err(text)?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.parts.chaos.state().befall(fault, name);
        Ok(())
    }
}
