-- Index of the message log. The journal holds the messages; these tables say where to find them, and how far each kind of work has come.

-- Checkpoints and small facts: 'indexed' (journal position), 'stamped' (signature id), 'archived' (message seq), 'lease', …
CREATE TABLE exchange_log_state (
    name TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    text TEXT
);

-- Identifiers by number: a message row names three of them.
CREATE TABLE exchange_log_name (
    id {serial},
    text TEXT NOT NULL UNIQUE
);

-- One row per distinct signature. id is the journal position of its first writing, seq of its latest; last_message is the position of
-- the last message that refers to it: when that message goes, the signature may go.
CREATE TABLE exchange_signature (
    id BIGINT PRIMARY KEY,
    reference {bytes} NOT NULL UNIQUE,
    seq BIGINT NOT NULL,
    last_message BIGINT NOT NULL,
    leaf {bytes} NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX exchange_signature_last_message ON exchange_signature (last_message);

-- One row per time-stamp. It covers the signatures from first_signature to last_signature; leaves holds their digests, 64 bytes each.
CREATE TABLE exchange_stamp (
    last_signature BIGINT PRIMARY KEY,
    first_signature BIGINT NOT NULL,
    at BIGINT NOT NULL,
    authority TEXT NOT NULL,
    token {bytes} NOT NULL,
    result {bytes} NOT NULL,
    leaves {bytes} NOT NULL
);

-- One row per message, keyed by its journal position. Stamped: signature <= 'stamped'. Archived: seq <= 'archived'.
CREATE TABLE exchange_message (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    role BIGINT NOT NULL,
    direction BIGINT NOT NULL,
    message_id TEXT NOT NULL,
    request_id {bytes} NOT NULL,
    party BIGINT NOT NULL,
    client BIGINT NOT NULL,
    service BIGINT NOT NULL,
    body_length BIGINT NOT NULL,
    mode BIGINT NOT NULL,
    signature BIGINT NOT NULL
);
CREATE INDEX exchange_message_message_id ON exchange_message (message_id);
CREATE INDEX exchange_message_request_id ON exchange_message (request_id);
CREATE INDEX exchange_message_client ON exchange_message (client, seq);
CREATE INDEX exchange_message_service ON exchange_message (service, seq);
CREATE INDEX exchange_message_at ON exchange_message (at);

-- Archive files. through: the 'archived' checkpoint reached by the pass that made the file. state: 0 named, 1 in place, 2 transferred.
CREATE TABLE exchange_archive (
    id {serial},
    series TEXT NOT NULL,
    file TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    through BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    state BIGINT NOT NULL
);
CREATE INDEX exchange_archive_through ON exchange_archive (through);

-- Where each series of linked archive files ends.
CREATE TABLE exchange_archive_head (
    series TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    file TEXT NOT NULL
);
