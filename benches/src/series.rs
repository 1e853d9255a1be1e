//! What one server has shown: a sample for each quantity, and its ratio to what another has shown.

use crate::{Running, Sample, Server};
use std::collections::BTreeMap;

/// One server with a sample for each quantity that was measured of it.
pub struct Series {
    pub server: Server,
    /// Its process, where one goes through all rounds.
    pub running: Option<Running>,
    pub samples: BTreeMap<String, Sample>,
    /// Whether it is left out of the rounds to come.
    pub has_failed: bool,
}

impl Series {
    pub fn of(server: &Server) -> Series {
        Series { server: server.clone(), running: None, samples: BTreeMap::new(), has_failed: false }
    }

    pub fn record<const N: usize>(&mut self, figures: [(&str, f64); N]) {
        figures.into_iter().for_each(|(quantity, figure)| self.push(quantity, figure));
    }

    pub fn push(&mut self, quantity: &str, value: f64) {
        self.samples.entry(quantity.into()).or_default().push(value);
    }

    /// What was measured of a quantity, in order; nothing is a sample too.
    pub fn sample(&self, quantity: &str) -> &Sample {
        static NOTHING: Sample = Sample::new();
        self.samples.get(quantity).unwrap_or(&NOTHING)
    }
}

/// Adds the quantity `ratio`: another one, round by round, to that of the server's base.
pub fn add_ratios(all: &mut [Series], quantity: &str, is_base_of: impl Fn(&Server, &Server) -> bool) {
    let ratios = |series: &Series| {
        let base = all.iter().find(|base| is_base_of(&base.server, &series.server))?;
        Some(series.samples.get(quantity)?.ratios_to(base.sample(quantity)))
    };
    let ratios: Vec<Option<Sample>> = all.iter().map(ratios).collect();
    for (series, ratios) in all.iter_mut().zip(ratios) {
        series.samples.extend(ratios.map(|ratios| ("ratio".into(), ratios)));
    }
}
