//! Starts the test nation and stays up, to be measured or profiled: `cargo run --release --example nation -p exchange -- [nofsync] [rsa]`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]

#[path = "../tests/gateway/nation.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod nation;

use nation::{CONSUMER, Nation, Options, client};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let mut options = Options::default();
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "nofsync" => {
                options.synced = false;
                options.log.durability = exchange::log::Durability::Buffered;
            }
            "rsa" => options.kind = trust::key::KeyKind::Rsa2048,
            other => panic!("unknown word {other}"),
        }
    }
    let nation = Nation::start(options).await;
    let log = nation.consumer.gateway.log.clone();
    tokio::spawn(async move { log.run(std::future::pending()).await });
    let log = nation.provider.gateway.log.clone();
    tokio::spawn(async move { log.run(std::future::pending()).await });
    println!(
        "wrk -t1 -c64 -d10 -H 'X-Road-Client: {}' http://{}{}",
        client(CONSUMER).encoded(),
        nation.consumer.http,
        Nation::path("tracuu", "/echo")
    );
    println!("direct: http://{}/echo", nation.service);
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(5));
    loop {
        ticks.tick().await;
        let text = nation.consumer.gateway.metrics.render(0);
        for line in text.lines().filter(|line| line.contains("_sum") || line.contains("_count")) {
            println!("{line}");
        }
    }
}
