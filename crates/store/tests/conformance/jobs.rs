//! Jobs: queued with the act, done at least once, never in two places at the same time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kit::Clock;
use store::jobs::{self, Job, JobError, JobRunner, JobSettings, JobState, JobView};
use store::{Store, StoreError};

const QUICK: JobSettings = JobSettings {
    concurrency: 4,
    lease: Duration::from_secs(60),
    poll: Duration::from_millis(5),
    attempts: 3,
    first_pause: Duration::from_secs(10),
    longest_pause: Duration::from_secs(15),
};

async fn enqueue(store: &Store, key: &str, run_at: i64) -> bool {
    let key = key.to_owned();
    store.write::<_, StoreError>(move |tx| jobs::enqueue(tx, "mail", &key, "{}", run_at)).await.unwrap()
}

async fn find(store: &Store, key: &str) -> JobView {
    let key = key.to_owned();
    store.read::<_, StoreError>(move |tx| jobs::find(tx, "mail", &key)).await.unwrap().unwrap()
}

/// Waits until a job has reached a state.
async fn until(store: &Store, key: &str, wanted: JobState) -> JobView {
    for _ in 0..2000 {
        let view = find(store, key).await;
        if view.state == wanted {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{key} never became {wanted:?}: {:?}", find(store, key).await);
}

fn clock() -> Clock {
    Clock::manual(Timestamp::UNIX_EPOCH)
}

#[tokio::test]
async fn a_job_is_queued_with_the_act_or_not_at_all_and_once() {
    for db in testkit::databases().await {
        let undone = db
            .store
            .write(|tx| {
                assert!(jobs::enqueue(tx, "mail", "a", "{}", 0)?);
                Err::<(), _>(StoreError::Closed)
            })
            .await;
        assert_eq!(undone, Err(StoreError::Closed));
        assert!(enqueue(&db.store, "a", 0).await, "{}: the first was taken back", db.name);
        assert!(!enqueue(&db.store, "a", 5).await, "{}: the same key again", db.name);
        assert_eq!(find(&db.store, "a").await.run_at, 0, "{}", db.name);
    }
}

#[tokio::test]
async fn jobs_run_when_due_and_are_kept_until_pruned() {
    for db in testkit::databases().await {
        let clock = clock();
        let done = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&done);
        let runner = JobRunner::new(&db.store, clock.clone()).settings(QUICK).handler("mail", move |job: Job| {
            assert_eq!(job.payload, "{}");
            counter.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        });
        enqueue(&db.store, "now", 0).await;
        enqueue(&db.store, "later", 1_000_000).await;
        let running = runner.start();
        until(&db.store, "now", JobState::Done).await;
        assert_eq!(find(&db.store, "later").await.state, JobState::Waiting, "{}", db.name);
        clock.advance(SignedDuration::from_secs(1));
        until(&db.store, "later", JobState::Done).await;
        running.stop(Duration::from_secs(5)).await;
        assert_eq!(done.load(Ordering::Relaxed), 2, "{}", db.name);
        assert!(!enqueue(&db.store, "now", 0).await, "{}: done is done", db.name);
        let pruned = db.store.write::<_, StoreError>(|tx| jobs::prune(tx, 1)).await.unwrap();
        assert_eq!(pruned, 1, "{}: only the one that ended before", db.name);
    }
}

#[tokio::test]
async fn failures_come_back_later_and_later_then_die() {
    for db in testkit::databases().await {
        let clock = clock();
        let runner = JobRunner::new(&db.store, clock.clone()).settings(QUICK).handler("mail", |job: Job| async move {
            match job.key.as_str() {
                "final" => Err(JobError::Final("no such address".into())),
                "panic" => panic!("on purpose"),
                _ => Err(JobError::Retry(format!("attempt {}", job.attempt))),
            }
        });
        for key in ["retry", "final", "panic"] {
            enqueue(&db.store, key, 0).await;
        }
        let running = runner.start();
        let dead = until(&db.store, "final", JobState::Dead).await;
        assert_eq!((dead.attempts, dead.last_error.as_deref()), (1, Some("no such address")), "{}", db.name);
        for (attempt, pause) in [(1, 10), (2, 15)] {
            let due = clock.now_micros() + pause * 1_000_000;
            loop {
                let view = until(&db.store, "retry", JobState::Waiting).await;
                if view.attempts == attempt {
                    assert_eq!(view.run_at, due, "{}: pause doubles up to the longest", db.name);
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            loop {
                let view = until(&db.store, "panic", JobState::Waiting).await;
                if view.attempts == attempt {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            clock.advance(SignedDuration::from_secs(pause));
        }
        let dead = until(&db.store, "retry", JobState::Dead).await;
        assert_eq!((dead.attempts, dead.last_error.as_deref()), (3, Some("attempt 3")), "{}", db.name);
        let dead = until(&db.store, "panic", JobState::Dead).await;
        assert!(dead.last_error.unwrap().contains("panicked"), "{}", db.name);
        running.stop(Duration::ZERO).await;
        let revived = db.store.write::<_, StoreError>(move |tx| jobs::revive(tx, dead.id, 77)).await.unwrap();
        assert!(revived);
        let view = find(&db.store, "panic").await;
        assert_eq!((view.state, view.attempts, view.run_at), (JobState::Waiting, 0, 77), "{}", db.name);
    }
}

/// Several workers, each on a store of its own as in another process.
#[tokio::test(flavor = "multi_thread")]
async fn several_processes_never_do_one_job_at_the_same_time() {
    for db in testkit::databases().await {
        for number in 0..60 {
            enqueue(&db.store, &format!("job {number}"), 0).await;
        }
        let runs: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let mut running = Vec::new();
        for _ in 0..4 {
            let store = Store::open(&db.url).await.unwrap();
            let runs = Arc::clone(&runs);
            let runner = JobRunner::new(&store, clock()).settings(QUICK).handler("mail", move |job: Job| {
                *runs.lock().unwrap().entry(job.key).or_default() += 1;
                async {
                    tokio::time::sleep(Duration::from_millis(3)).await;
                    Ok(())
                }
            });
            running.push(runner.start());
        }
        for number in 0..60 {
            until(&db.store, &format!("job {number}"), JobState::Done).await;
        }
        for running in running {
            running.stop(Duration::from_secs(5)).await;
        }
        let runs = runs.lock().unwrap();
        assert_eq!(runs.len(), 60, "{}", db.name);
        assert!(runs.values().all(|times| *times == 1), "{}: {runs:?}", db.name);
    }
}

#[tokio::test]
async fn a_dead_process_loses_its_lease_and_its_job_is_done_elsewhere() {
    for db in testkit::databases().await {
        let clock = clock();
        enqueue(&db.store, "a", 0).await;
        let stuck = JobRunner::new(&db.store, clock.clone())
            .settings(QUICK)
            .handler("mail", |_| async { std::future::pending().await })
            .start();
        until(&db.store, "a", JobState::Running).await;
        // Dropped without a stop: as good as killed.
        drop(stuck);
        let other = JobRunner::new(&db.store, clock.clone()).settings(QUICK).handler("mail", |job: Job| async move {
            if job.attempt == 2 { Ok(()) } else { Err(JobError::Final(format!("attempt {}", job.attempt))) }
        });
        let other = other.start();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(find(&db.store, "a").await.state, JobState::Running, "{}: still leased", db.name);
        clock.advance(SignedDuration::from_secs(61));
        until(&db.store, "a", JobState::Done).await;
        other.stop(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn stopping_waits_for_running_jobs_and_gives_back_those_too_slow() {
    for db in testkit::databases().await {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&begun);
        let runner = JobRunner::new(&db.store, clock()).settings(QUICK).handler("mail", move |job: Job| {
            counter.fetch_add(1, Ordering::Relaxed);
            async move {
                let time = if job.key == "short" { Duration::from_millis(100) } else { Duration::from_secs(3600) };
                tokio::time::sleep(time).await;
                Ok(())
            }
        });
        enqueue(&db.store, "short", 0).await;
        enqueue(&db.store, "long", 0).await;
        let running = runner.start();
        while begun.load(Ordering::Relaxed) < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        running.stop(Duration::from_millis(600)).await;
        assert_eq!(find(&db.store, "short").await.state, JobState::Done, "{}", db.name);
        let long = find(&db.store, "long").await;
        assert_eq!((long.state, long.attempts), (JobState::Waiting, 0), "{}", db.name);
    }
}

#[tokio::test]
async fn a_handler_may_end_its_job_in_its_own_transaction() {
    for db in testkit::databases().await {
        let store = db.store.clone();
        let runner = JobRunner::new(&db.store, clock()).settings(QUICK).handler("mail", move |job: Job| {
            let store = store.clone();
            async move {
                let end = move |tx: &mut store::Tx<'_>| {
                    assert!(jobs::complete(tx, &job, 9)?, "the lease is ours");
                    assert!(!jobs::complete(tx, &job, 9)?, "and ends with the job");
                    jobs::enqueue(tx, "mail", "follow-up", "{}", i64::MAX)
                };
                store.write::<_, StoreError>(end).await.map(drop).map_err(JobError::from)
            }
        });
        enqueue(&db.store, "a", 0).await;
        let running = runner.start();
        until(&db.store, "a", JobState::Done).await;
        running.stop(Duration::from_secs(1)).await;
        assert_eq!(find(&db.store, "follow-up").await.state, JobState::Waiting, "{}", db.name);
    }
}
