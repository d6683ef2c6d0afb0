-- Operational records: the published JSON, the columns it is selected by and the figures that are summed up. side: 0 client, 1 producer.
CREATE TABLE exchange_operation (
    id {serial},
    stored_at BIGINT NOT NULL,
    client TEXT,
    provider TEXT,
    service TEXT,
    side BIGINT NOT NULL,
    succeeded BIGINT NOT NULL,
    duration BIGINT,
    request_size BIGINT,
    response_size BIGINT,
    document TEXT NOT NULL
);
CREATE INDEX exchange_operation_stored_at ON exchange_operation (stored_at, id);

-- When each service of this gateway last succeeded and last failed, Unix milliseconds: kept longer than the records.
CREATE TABLE exchange_service_event (
    service TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    service_type TEXT,
    last_success BIGINT,
    last_failure BIGINT
);
