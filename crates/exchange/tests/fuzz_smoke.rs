//! Runs every fuzz entry point over its seeds and some thousands of damaged copies of them, on any toolchain.
//!
//! A coverage-guided fuzzer (`make fuzz`) searches better; this makes sure that the entry points hold wherever tests run.
//! The damage comes from a generator with a fixed start: a failure here happens again on the next run.

#[path = "../../../fuzz/src/lib.rs"]
mod entries;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Damaged inputs per entry point.
const CASES: u64 = 1500;
/// Pieces that mean something to one parser or another.
const PIECES: [&[u8]; 16] = [
    b"\r\n",
    b"\r\n--b",
    b"--",
    b"%2e%2e",
    b"%",
    b"/../",
    b"\xFF",
    b"\0",
    b"<!DOCTYPE a>",
    b"]]>",
    b"&#13;",
    b"**",
    b":",
    b"-1",
    b"99999999999999999999",
    b"\x30\x80",
];

/// SplitMix64: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap_or(0)
    }
}

fn damage(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = at + random.below((bytes.len() - at).min(64) + 1);
        match random.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next().to_le_bytes()[0],
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            5 => {
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
    bytes
}

#[test]
fn every_entry_point_holds_over_its_seeds_and_damaged_copies() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus-seeds");
    let mut fallen = Vec::new();
    for (name, target) in entries::TARGETS {
        let mut files: Vec<_> =
            std::fs::read_dir(folder.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        let mut random = Random(name.len() as u64);
        let damaged = (0..CASES).map(|_| damage(&seeds, &mut random));
        for input in seeds.iter().cloned().chain(damaged) {
            if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
                fallen.push(format!("{name}: {}", input.escape_ascii()));
                break;
            }
        }
    }
    assert!(fallen.is_empty(), "does not hold over\n{}", fallen.join("\n"));
}

#[test]
fn every_entry_point_has_a_fuzz_target_and_the_other_way_round() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/targets");
    let mut targets: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    targets.sort();
    let entries: Vec<&str> = entries::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(targets, entries);
    // An unknown name must not pass for a run.
    assert!(catch_unwind(|| entries::run("no_such", b"")).is_err());
}
