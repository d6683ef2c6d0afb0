//! From figures to what people read: the table of aims, the page, the JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Figures;
use super::rows::Series;

/// Below this line of the page, people write; what is above is made anew by each run.
const NOTES: &str = "<!-- notes: what follows is kept when the page is made anew -->";

/// One aim and what was found.
pub struct Row {
    /// What is measured.
    what: String,
    /// What is asked for.
    aim: String,
    /// What was found.
    found: String,
    /// Whether that is good enough; unset when nothing is asked for.
    met: Option<bool>,
}

impl Row {
    fn new(what: impl Into<String>, aim: impl Into<String>, found: impl Into<String>, met: Option<bool>) -> Self {
        Self { what: what.into(), aim: aim.into(), found: found.into(), met }
    }
}

/// The aims in the order of the page.
pub fn rows(figures: &Figures) -> Vec<Row> {
    let mut rows = Vec::new();
    let ratio = |shape: &str, name: &str| {
        let rate = |name: &str| series(figures, shape, name).map(|series| series.median(|round| round.rate));
        let (own, peer) = (rate(name).unwrap_or_default(), rate("two nginx").unwrap_or_default());
        (own / peer.max(1.0), own, peer)
    };
    for (shape, name, aim) in [
        ("1 KiB, 64 connections", "gateways, fsync", 0.25),
        ("1 KiB, 64 connections", "gateways, no fsync", 0.45),
        ("100 KiB, 64 connections", "gateways, fsync", 0.3),
        ("100 KiB, 64 connections", "gateways, no fsync", 0.3),
        ("100 KiB, 64 connections", "gateways, fsync, digest", 0.3),
    ] {
        let (ratio, own, peer) = ratio(shape, name);
        rows.push(Row::new(
            format!("{shape}: {name}, against two nginx"),
            format!("≥ {aim} ×"),
            format!("{ratio:.3} × ({own:.0}/s : {peer:.0}/s)"),
            Some(ratio >= aim),
        ));
    }
    let p50 = |name: &str| {
        let series = series(figures, "1 KiB, 1 connection", name);
        series.map(|series| series.median(|round| round.p50)).unwrap_or_default() / 1e3
    };
    let added = p50("gateways, no fsync") - p50("direct");
    let found = format!("{added:.2} ms (nginx adds {:.2} ms)", p50("two nginx") - p50("direct"));
    rows.push(Row::new("added latency at one connection, no fsync, median", "≤ 1.5 ms", found, Some(added <= 1.5)));
    let found = format!("{:.2} ms", p50("gateways, fsync") - p50("direct"));
    rows.push(Row::new("the same with fsync", "", found, None));
    single(figures, &mut rows);
    let bad: u64 = figures.series.values().flatten().map(Series::bad).sum();
    rows.push(Row::new("requests without a good answer, all rounds", "0", bad.to_string(), Some(bad == 0)));
    rows
}

/// Aims about single figures.
fn single(figures: &Figures, rows: &mut Vec<Row>) {
    let value = |name: &str| figures.values.get(name).copied().unwrap_or(f64::NAN);
    let mut below = |what: &str, name: &str, limit: f64, unit: &str| {
        let found = value(name);
        rows.push(Row::new(what, format!("< {limit} {unit}"), format!("{found:.1} {unit}"), Some(found < limit)));
    };
    below("a gateway idle after its start, resident", "idle_mib", 40.0, "MiB");
    below("from start of a gateway to its first answered message", "ready_ms", 1000.0, "ms");
    let large = value("large_mib");
    for direction in ["request", "answer"] {
        for side in ["consumer", "provider"] {
            let what = format!("{direction} of {large:.0} MiB: peak of the {side}'s gateway");
            below(&what, &format!("large_{direction}_{side}_peak_mib"), 100.0, "MiB");
        }
    }
    below("start from a kept configuration of 100,000 subsystems", "configuration_start_100000_ms", 2000.0, "ms");
    below("a new configuration of 100,000 subsystems taken in", "configuration_reload_100000_ms", 2000.0, "ms");
    let costs = [100, 1_000, 10_000, 100_000].map(|rights| value(&format!("access_decision_{rights}_ns")));
    let found = costs.map(|cost| format!("{cost:.0}")).join(" / ");
    // Larger tables leave the processor's cache; a cost that grew with the number of rights would grow a thousandfold.
    let flat = costs[3] < 10.0 * costs[0];
    rows.push(Row::new(
        "one access decision at 10², 10³, 10⁴, 10⁵ rights, ns",
        "does not grow with them",
        found,
        Some(flat),
    ));
    for (what, name) in [
        ("records a second made durable, 64 writers", "journal_fsync_64_per_second"),
        ("the same into the cache of the system", "journal_oscache_64_per_second"),
    ] {
        rows.push(Row::new(what, "", format!("{:.0}", value(name)), None));
    }
    let loaded = value("loaded_gateways_fsync_mib");
    rows.push(Row::new("a consumer's gateway after all rounds, resident", "", format!("{loaded:.0} MiB"), None));
}

fn series<'a>(figures: &'a Figures, shape: &str, name: &str) -> Option<&'a Series> {
    figures.series.get(shape)?.iter().find(|series| series.name == name)
}

/// The aims as a table: Markdown, or plain columns for a terminal.
pub fn table(rows: &[Row], markdown: bool) -> String {
    let mut text = String::new();
    if markdown {
        text += "| measured | aim | found | met |\n|---|---|---|---|\n";
    }
    for Row { what, aim, found, met } in rows {
        let met = met.map_or("", |met| if met { "yes" } else { "**no**" });
        let _ = if markdown {
            writeln!(text, "| {what} | {aim} | {found} | {met} |")
        } else {
            writeln!(text, "{:<4} {what:<66} {aim:<24} {found}", met.trim_matches('*'))
        };
    }
    text
}

/// The page; `before` is the page as it was, whose notes are kept.
pub fn page(figures: &Figures, rows: &[Row], before: &str) -> String {
    let setting = |name: &str| figures.setting.get(name).map_or("", String::as_str);
    let mut text = format!(
        "# Benchmarks\n\n`make bench` makes this page. Every contender ran side by side on one machine, in turn, under the same load tool; \
         only the ratios carry over to another machine.\n\n\
         Measured {} at `{}` with `{}`: {}. Load of the machine before: {}.\n{}, {}, {}; {}; {}; {}.\n\n",
        setting("date"),
        setting("commit"),
        setting("command"),
        setting("rounds"),
        setting("load"),
        setting("processor"),
        setting("memory"),
        setting("kernel"),
        setting("nginx"),
        setting("wrk"),
        setting("rustc"),
    );
    text += "The peer is two chained nginx: plain HTTP in, mutual TLS 1.3 with P-256 certificates and kept connections between them, plain \
             HTTP to the service; no signing, no logging. The gateways do everything: access decision, batch signature and its check, hash \
             chains, OCSP, message log with bodies and time-stamps. The same request (POST, its body sent back) goes to the same service behind both.\n\n";
    text += "## Aims\n\n";
    text += &table(rows, true);
    text += "\n## Rounds\n\nMedians over the rounds.\n\n| shape | contender | requests/s | p50 µs | p99 µs |\n|---|---|--:|--:|--:|\n";
    for (shape, all) in &figures.series {
        for series in all {
            let [rate, p50, p99] =
                [series.median(|round| round.rate), series.median(|round| round.p50), series.median(|round| round.p99)];
            let _ = writeln!(text, "| {shape} | {} | {rate:.0} | {p50:.0} | {p99:.0} |", series.name);
        }
    }
    text += &bounds(figures);
    text += &costs(figures);
    let notes = before.split_once(NOTES).map_or("\n", |(_, notes)| notes);
    let _ = write!(text, "\n{NOTES}{notes}");
    text
}

/// What bounds the rate: processor time per message by process.
fn bounds(figures: &Figures) -> String {
    let mut text = "\n## What bounds the figure\n\nProcessor time per message at 1 KiB and 64 connections, µs (user + system):\n\n\
                    | contender | process | user | system |\n|---|---|--:|--:|\n"
        .to_owned();
    let mut sums = String::new();
    for series in figures.series.get("1 KiB, 64 connections").into_iter().flatten() {
        let mut sum = 0.0;
        for (process, cpu) in series.cpu() {
            sum += cpu.user + cpu.system;
            let _ = writeln!(text, "| {} | {process} | {:.1} | {:.1} |", series.name, cpu.user, cpu.system);
        }
        let rate = series.median(|round| round.rate);
        let _ = writeln!(
            sums,
            "- {}: {sum:.0} µs of processor per message on the way; at {rate:.0}/s that keeps {:.2} cores busy. The load tool takes the rest \
             of the machine, or waits.",
            series.name,
            sum * rate / 1e6
        );
    }
    text + "\n" + &sums
}

/// What the stages cost by themselves.
fn costs(figures: &Figures) -> String {
    let mut text = "\nStages by themselves (one core, nanoseconds):\n\n| stage | ns |\n|---|--:|\n".to_owned();
    for (name, value) in &figures.values {
        if let Some(stage) = name.strip_prefix("stage_").and_then(|name| name.strip_suffix("_ns")) {
            let _ = writeln!(text, "| {} | {value:.0} |", stage.replace('_', " "));
        }
    }
    text
}

/// Every figure.
pub fn json(figures: &Figures) -> Value {
    let series = figures.series.iter().map(|(shape, all)| {
        let all: Vec<Value> = all.iter().map(series_json).collect();
        ((*shape).to_owned(), Value::Array(all))
    });
    let aims: Vec<Value> = rows(figures)
        .iter()
        .map(|row| json!({"what": row.what, "aim": row.aim, "found": row.found, "met": row.met}))
        .collect();
    json!({
        "setting": figures.setting,
        "aims": aims,
        "values": figures.values,
        "series": series.collect::<serde_json::Map<_, _>>(),
    })
}

fn series_json(series: &Series) -> Value {
    let rounds: Vec<Value> = series
        .rounds
        .iter()
        .map(|round| {
            let cpu: Vec<Value> = round
                .cpu
                .iter()
                .map(|(process, cpu)| json!({"process": process, "user_us": cpu.user, "system_us": cpu.system}))
                .collect();
            json!({"rate": round.rate, "p50_us": round.p50, "p99_us": round.p99, "bad": round.bad, "cpu": cpu})
        })
        .collect();
    json!({"contender": series.name, "rounds": rounds})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::load::Round;
    use super::super::rows::Values;
    use super::*;

    fn figures(own: f64) -> Figures {
        let series = |name, rate| Series { name, rounds: vec![Round { rate, ..Round::default() }] };
        let both = vec![series("two nginx", 20_000.0), series("gateways, fsync", own)];
        Figures {
            series: BTreeMap::from([("1 KiB, 64 connections", both)]),
            values: Values::new(),
            setting: BTreeMap::new(),
        }
    }

    #[test]
    fn the_ratio_decides_whether_an_aim_is_met() {
        assert_eq!(rows(&figures(5_000.0))[0].met, Some(true));
        assert_eq!(rows(&figures(4_999.0))[0].met, Some(false));
        // What was not measured is not met.
        assert_eq!(rows(&figures(5_000.0))[1].met, Some(false));
    }

    #[test]
    fn notes_of_people_outlive_a_new_page() {
        let figures = figures(5_000.0);
        let first = page(&figures, &rows(&figures), "");
        let noted = first + "\n## Why\n\nBecause.\n";
        let again = page(&figures, &rows(&figures), &noted);
        assert!(again.ends_with("## Why\n\nBecause.\n"), "{again}");
        assert_eq!(again.matches(NOTES).count(), 1);
    }
}
