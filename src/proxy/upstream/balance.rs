//! Whose turn it is: by weight one after the other, by chance, or the same caller at the same endpoint.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::Arc;

use super::endpoint::Endpoint;
use crate::proxy::config::BalanceConfig;

/// The endpoints at one moment.
pub(super) struct Lineup {
    pub(super) endpoints: Vec<Arc<Endpoint>>,
    /// Indices into `endpoints`, each as often as its weight, spread evenly.
    turns: Vec<usize>,
}

/// What the choice goes by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Choice {
    Turn(usize),
    Chance,
    Caller(u64),
}

impl Lineup {
    pub(super) fn new(endpoints: Vec<Arc<Endpoint>>) -> Self {
        let weights: Vec<usize> = endpoints.iter().map(|endpoint| usize::from(endpoint.weight)).collect();
        let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
        let turns = spread(&weights.into_iter().map(|weight| weight / divisor).collect::<Vec<_>>());
        Self { endpoints, turns }
    }

    /// The endpoint for one try: one that is up, in, and not tried yet; where none is left, one that is out or was tried.
    /// `None` where all are down.
    pub(super) fn choose(&self, choice: Choice, now: u64, tried: &[SocketAddr]) -> Option<&Arc<Endpoint>> {
        let is_up = |endpoint: &Endpoint| endpoint.health.is_up();
        let is_new = |endpoint: &Endpoint| is_up(endpoint) && !tried.contains(&endpoint.address);
        self.pick(choice, |endpoint| is_new(endpoint) && !endpoint.standing.is_out(now))
            .or_else(|| self.pick(choice, is_new))
            .or_else(|| self.pick(choice, is_up))
    }

    fn pick(&self, choice: Choice, may: impl Fn(&Endpoint) -> bool) -> Option<&Arc<Endpoint>> {
        if let Choice::Caller(caller) = choice {
            let may = self.endpoints.iter().filter(|endpoint| may(endpoint));
            return may.max_by(|one, other| score(caller, one).total_cmp(&score(caller, other)));
        }
        if let Choice::Turn(turn) = choice {
            let first = self.at(turn.checked_rem(self.turns.len())?);
            if first.is_some_and(|endpoint| may(endpoint)) {
                return first;
            }
        }
        // The share of one that cannot be used falls to all others alike, not to whoever comes after it.
        let open = || (0..self.turns.len()).filter_map(|turn| self.at(turn)).filter(|endpoint| may(endpoint));
        open().nth(fastrand::usize(..open().count().max(1)))
    }

    fn at(&self, turn: usize) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(*self.turns.get(turn)?)
    }
}

/// Weighted rendezvous hashing: each caller goes where its score is highest, so that where an endpoint leaves or comes only its own
/// callers move.
fn score(caller: u64, endpoint: &Endpoint) -> f64 {
    let mixed = mix(caller ^ hash(endpoint.label.as_bytes()));
    let upper = u32::try_from(mixed >> 32).unwrap_or(u32::MAX);
    let in_0_to_1 = (f64::from(upper) + 0.5) / 4_294_967_296.0;
    -f64::from(endpoint.weight) / in_0_to_1.ln()
}

/// FNV-1a with 64 bits, well mixed: the same in each process, so that several gates send a caller to the same endpoint.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// The finalizer of `SplitMix64`.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// What a choice goes by, `turn` counted on for each and `caller` only looked for where it matters.
pub(super) fn choice(balance: &BalanceConfig, turn: impl FnOnce() -> usize, caller: Option<u64>) -> Choice {
    match (balance, caller) {
        (BalanceConfig::ConsistentHash(_), Some(caller)) => Choice::Caller(caller),
        (BalanceConfig::Random, _) => Choice::Chance,
        (BalanceConfig::RoundRobin | BalanceConfig::ConsistentHash(_), _) => Choice::Turn(turn()),
    }
}

fn greatest_common_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

/// The turns of endpoints with these weights: each as often as its weight, and never in a row where it can be helped.
fn spread(weights: &[usize]) -> Vec<usize> {
    let total: usize = weights.iter().sum();
    let mut due = vec![0_usize; weights.len()];
    let mut turns = Vec::with_capacity(total);
    for turn in 1..=total {
        // Whoever lags furthest behind its share goes next.
        let lags = weights.iter().zip(&due).map(|(weight, had)| (weight * turn).saturating_sub(had * total));
        let next = lags.enumerate().max_by_key(|(place, lag)| (*lag, Reverse(*place)));
        let Some((next, _)) = next else { break };
        if let Some(had) = due.get_mut(next) {
            *had += 1;
        }
        turns.push(next);
    }
    turns
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pingora::upstreams::peer::HttpPeer;

    use super::*;
    use crate::proxy::config::{EjectionConfig, HealthConfig};

    fn lineup(weights: &[u16]) -> Lineup {
        let endpoint = |(place, weight): (usize, &u16)| {
            let address: SocketAddr = format!("10.0.0.{place}:80").parse().unwrap();
            let peer = HttpPeer::new(address, false, String::new());
            Arc::new(Endpoint::new(&address.to_string(), *weight, address, peer))
        };
        Lineup::new(weights.iter().enumerate().map(endpoint).collect())
    }

    fn chosen(lineup: &Lineup, choices: impl Iterator<Item = Choice>) -> BTreeMap<String, usize> {
        let mut chosen = BTreeMap::new();
        for choice in choices {
            let endpoint = lineup.choose(choice, 1000, &[]).unwrap();
            *chosen.entry(endpoint.label.clone()).or_default() += 1;
        }
        chosen
    }

    fn put_down(endpoint: &Endpoint) {
        let config = HealthConfig {
            path: String::new(),
            every: std::time::Duration::ZERO,
            timeout: std::time::Duration::ZERO,
            unhealthy_after: 1,
            healthy_after: 1,
            expect: Vec::new(),
            host: None,
        };
        assert!(endpoint.health.checked(false, &config));
    }

    #[test]
    fn turns_are_taken_by_weight_and_spread_evenly() {
        assert_eq!(spread(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(spread(&[1, 2]), [1, 0, 1]);
        let turns = spread(&[5, 1, 1]);
        let count = |place| turns.iter().filter(|turn| **turn == place).count();
        assert_eq!([count(0), count(1), count(2)], [5, 1, 1]);
        assert!(spread(&[]).is_empty());
        assert_eq!(lineup(&[30_000, 60_000]).turns.len(), 3);
    }

    #[test]
    fn the_share_of_one_that_is_out_falls_to_all_others() {
        let lineup = lineup(&[1, 1, 1, 1]);
        lineup.endpoints[0].standing.put_out(900, &EjectionConfig::default());
        let shares = chosen(&lineup, (0..4000).map(Choice::Turn));
        assert_eq!(shares.len(), 3);
        assert!(shares.values().all(|share| (1200..1470).contains(share)), "{shares:?}");
    }

    #[test]
    fn one_that_is_out_or_was_tried_is_used_before_none_and_one_that_is_down_never() {
        let lineup = lineup(&[1, 1]);
        lineup.endpoints[0].standing.put_out(900, &EjectionConfig::default());
        let choose = |tried: &[SocketAddr]| {
            let addresses: Vec<_> = [Choice::Turn(0), Choice::Turn(1), Choice::Chance, Choice::Caller(7)]
                .into_iter()
                .filter_map(|choice| lineup.choose(choice, 1000, tried).map(|endpoint| endpoint.address.to_string()))
                .collect();
            addresses
        };
        let [first, second] = [lineup.endpoints[0].address, lineup.endpoints[1].address];
        assert_eq!(choose(&[]), ["10.0.0.1:80"; 4]);
        assert_eq!(choose(&[second]), ["10.0.0.0:80"; 4]);
        put_down(&lineup.endpoints[0]);
        assert_eq!(choose(&[first, second]), ["10.0.0.1:80"; 4]);
        put_down(&lineup.endpoints[1]);
        assert_eq!(choose(&[]), [""; 0]);
    }

    #[test]
    fn a_caller_stays_at_its_endpoint_and_only_those_of_one_that_leaves_move() {
        let whole = lineup(&[1, 1, 1, 2]);
        let callers = || (0..5000_u64).map(|number| hash(&number.to_le_bytes()));
        let of = |lineup: &Lineup, caller| lineup.choose(Choice::Caller(caller), 0, &[]).unwrap().label.clone();
        let shares = chosen(&whole, callers().map(Choice::Caller));
        assert!(
            (800..1200).contains(&shares["10.0.0.0:80"]) && (1800..2200).contains(&shares["10.0.0.3:80"]),
            "{shares:?}"
        );
        let left = Lineup::new(whole.endpoints[1..].to_vec());
        for caller in callers() {
            let before = of(&whole, caller);
            assert!(before == "10.0.0.0:80" || before == of(&left, caller));
        }
    }
}
