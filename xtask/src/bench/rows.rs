//! Takes the figures: every contender in turn, several rounds, so that a slow moment of the machine meets all of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::large::{self, Call};
use super::load::{Contender, Round, Shape, median, round};
use super::nation::Pair;
use super::process::{Cpu, forget_peak, memory, output};

/// The rounds of one contender.
#[derive(Clone, Debug)]
pub struct Series {
    /// Who.
    pub name: &'static str,
    /// Its rounds.
    pub rounds: Vec<Round>,
}

/// Single figures by name.
pub type Values = BTreeMap<String, f64>;

impl Series {
    /// The middle of one figure over the rounds.
    pub fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure).collect())
    }

    /// Requests without a good answer.
    pub fn bad(&self) -> u64 {
        self.rounds.iter().map(|round| round.bad).sum()
    }

    /// Processor time per message by process, µs: the middle over the rounds.
    pub fn cpu(&self) -> Vec<(String, Cpu)> {
        let Some(first) = self.rounds.first() else { return Vec::new() };
        let middle = |at: usize, part: fn(&Cpu) -> f64| {
            median(self.rounds.iter().filter_map(|round| round.cpu.get(at)).map(|(_, cpu)| part(cpu)).collect())
        };
        let all = first.cpu.iter().enumerate();
        all.map(|(at, (label, _))| {
            (label.clone(), Cpu { user: middle(at, |cpu| cpu.user), system: middle(at, |cpu| cpu.system) })
        })
        .collect()
    }
}

/// Measures every contender once per round, in turn.
pub fn alternate(
    contenders: &[&Contender],
    shape: Shape,
    rounds: u32,
    folder: &Path,
    out: &mut dyn Write,
) -> anyhow::Result<Vec<Series>> {
    let mut series: Vec<Series> =
        contenders.iter().map(|contender| Series { name: contender.name, rounds: Vec::new() }).collect();
    for number in 1..=rounds {
        for (contender, series) in contenders.iter().zip(&mut series) {
            let taken = round(contender, shape, folder)?;
            writeln!(
                out,
                "  {:>7} B @{:<3} round {number}  {:<22} {:>8.0}/s  p50 {:>8.0} µs  p99 {:>8.0} µs  bad {}",
                shape.body, shape.connections, contender.name, taken.rate, taken.p50, taken.p99, taken.bad
            )?;
            series.rounds.push(taken);
        }
    }
    Ok(series)
}

/// A large body there and a large answer back through `pair`.
pub fn large_body(pair: &Pair, length: u64, values: &mut Values) -> anyhow::Result<()> {
    let gateways = [("consumer", pair.consumer.process.pid()), ("provider", pair.provider.process.pid())];
    let call = |path: &str| Call { to: pair.consumer.http, target: pair.path(path), caller: pair.caller() };
    let mut measured = |direction: &str, work: &dyn Fn() -> anyhow::Result<Duration>| -> anyhow::Result<()> {
        for (_, pid) in gateways {
            forget_peak(pid);
        }
        let taken = work().with_context(|| format!("a body of {length} bytes, {direction}"))?;
        values.insert(format!("large_{direction}_seconds"), taken.as_secs_f64());
        for (side, pid) in gateways {
            values.insert(format!("large_{direction}_{side}_peak_mib"), memory(pid).1);
        }
        Ok(())
    };
    measured("request", &|| {
        let (taken, answer) = large::send(&call("/sink"), length)?;
        anyhow::ensure!(answer == length.to_string().as_bytes(), "the service got another number of bytes");
        Ok(taken)
    })?;
    measured("answer", &|| {
        let (taken, got) = large::receive(&call(&format!("/zeros?{length}")))?;
        anyhow::ensure!(got == length, "the caller got {got} bytes");
        Ok(taken)
    })
}

/// Runs the program that measures parts by themselves; its lines `name value` become figures.
pub fn parts(program: &Path, values: &mut Values) -> anyhow::Result<()> {
    let said = output(&mut Command::new(program))?;
    for line in said.lines() {
        if let Some((name, value)) = line.split_once(' ')
            && let Ok(value) = value.trim().parse()
        {
            values.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// Runs the program that measures the journal, on the disk of `folder`.
pub fn journal(program: &Path, folder: &Path, values: &mut Values) -> anyhow::Result<()> {
    let said = output(Command::new(program).arg(folder))?;
    for line in said.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [mode, tasks, rate, ..] = words.as_slice()
            && let Ok(rate) = rate.parse()
        {
            values.insert(format!("journal_{}_{tasks}_per_second", mode.to_lowercase()), rate);
        }
    }
    Ok(())
}
