-- Journals shared by several processes: the records, and per journal the first and last number.
CREATE TABLE store_journal_head (
    journal TEXT PRIMARY KEY,
    first   BIGINT NOT NULL,
    last    BIGINT NOT NULL
);
CREATE TABLE store_journal (
    journal TEXT NOT NULL REFERENCES store_journal_head (journal),
    seq     BIGINT NOT NULL,
    kind    BIGINT NOT NULL,
    payload {bytes} NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (journal, seq)
);

-- The outbox: work to be done after the transaction that asked for it, at least once.
-- state: 'waiting', 'running' (leased), 'done', 'dead' (gave up).
CREATE TABLE store_job (
    id          {serial},
    kind        TEXT NOT NULL,
    key         TEXT NOT NULL,
    payload     TEXT NOT NULL,
    state       TEXT NOT NULL,
    run_at      BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    token       TEXT,
    lease_until BIGINT,
    last_error  TEXT,
    ended_at    BIGINT,
    UNIQUE (kind, key)
);
CREATE INDEX store_job_due ON store_job (state, run_at);
CREATE INDEX store_job_lease ON store_job (state, lease_until);
