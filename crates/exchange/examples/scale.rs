//! Figures of an access decision, which must not grow with the number of rights, and of the stages of a message.
//!
//! `cargo run --release -p exchange --example scale` prints one `name value` per line: times in nanoseconds, each the
//! median of several runs.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use directory::{ClientId, ServiceId};
use exchange::model::access::{Endpoint, LocalGroups, NoGroups, Rights, Subject};
use trust::hashchain::{Input, InputData, MESSAGE_URI, MessageParts, Rules, build_batch, verify};
use trust::{KeyKind, SigningKey, SoftwareKey};

/// Decisions timed at once.
const DECISIONS: u32 = 20_000;

fn main() {
    for rights in [100, 1_000, 10_000, 100_000] {
        println!("access_decision_{rights}_ns {}", decision(rights));
    }
    stages();
}

/// Runs `work` some times; the middle duration.
fn median(times: usize, mut work: impl FnMut()) -> Duration {
    let mut taken: Vec<Duration> = (0..times)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed()
        })
        .collect();
    taken.sort();
    taken[times / 2]
}

/// One decision, with `count` rights on the service, half of them for whole services and half for one endpoint each.
fn decision(count: usize) -> u128 {
    let service = Arc::new(ServiceId::new(ClientId::subsystem("VN", "GOV", "G01", "dancu"), "tracuu"));
    let base = Arc::new(Endpoint::new(1, "*", "**", false).unwrap());
    let narrow = Arc::new(Endpoint::new(2, "GET", "/people/*/address", false).unwrap());
    let caller =
        |number: usize| ClientId::subsystem("VN", "GOV", &format!("H{}", number / 10), &format!("s{}", number % 10));
    let rights = (0..count)
        .map(|number| (Subject::Client(caller(number)), if number % 2 == 0 { base.clone() } else { narrow.clone() }));
    let rights = Rights::new(service, Arc::new(LocalGroups::new([])), rights);
    // Callers spread over all rights, so that a large table is not judged by what happens to be in the cache.
    let callers: Vec<ClientId> = (0..1024).map(|at| caller(at * 7919 % count)).collect();
    let taken = median(9, || {
        for at in 0..DECISIONS {
            let caller = &callers[at as usize % callers.len()];
            let allowed = rights.decide(black_box(caller), &NoGroups, "GET", "/people/001099000001/address?full=1");
            assert!(black_box(allowed).is_ok());
        }
    });
    taken.as_nanos() / u128::from(DECISIONS)
}

/// What the dearest stages of a message cost by themselves.
fn stages() {
    let per = |name: &str, count: u32, work: &mut dyn FnMut()| {
        let taken = median(5, || (0..count).for_each(|_| work()));
        println!("stage_{name}_ns {}", taken.as_nanos() / u128::from(count));
    };
    let message = [0x5A; 1024];
    for kind in [KeyKind::EcP256, KeyKind::Rsa2048] {
        let key = SoftwareKey::generate(kind).unwrap();
        let algorithm = kind.message_algorithm();
        let name = if kind == KeyKind::EcP256 { "ecdsa_p256" } else { "rsa_2048" };
        per(&format!("sign_{name}"), 300, &mut || drop(black_box(key.sign(algorithm, &message))));
    }
    per("sha512_1kib", 2_000, &mut || _ = black_box(exchange::model::header_part::sha512(&message)));
    let digest = exchange::model::header_part::sha512(&message);
    let attachments = [digest];
    let parts = vec![MessageParts { message: digest, attachments: &attachments }; 64];
    let taken = median(9, || drop(black_box(build_batch(&parts))));
    println!("stage_hash_chain_build_of_64_per_message_ns {}", taken.as_nanos() / 64);
    let batch = build_batch(&parts).unwrap();
    let inputs = [
        Input { uri: MESSAGE_URI, data: InputData::Sha512(digest) },
        Input { uri: "/attachment1", data: InputData::Sha512(digest) },
    ];
    per("hash_chain_verify_of_64", 2_000, &mut || {
        let (result, chain) = (batch.result_xml.as_bytes(), batch.chains[5].as_bytes());
        assert!(black_box(verify(result, chain, &inputs, Rules::SIGNATURE)).is_ok());
    });
}
