-- The instance this central serves: exactly one row, numbered 1.
CREATE TABLE directory_instance (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    instance TEXT NOT NULL,
    address TEXT NOT NULL,
    ocsp_freshness_seconds BIGINT NOT NULL,
    timestamping_interval_seconds BIGINT NOT NULL,
    expire_seconds BIGINT NOT NULL,
    registration_address TEXT NOT NULL,
    registration_cert {bytes},
    management_provider TEXT,
    auto_approve_auth_cert BIGINT NOT NULL DEFAULT 0,
    auto_approve_client BIGINT NOT NULL DEFAULT 0,
    auto_approve_owner_change BIGINT NOT NULL DEFAULT 0,
    -- Grows with every act that may change the configuration.
    revision BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE directory_member_class (
    code TEXT PRIMARY KEY,
    description TEXT NOT NULL
);

-- Members (subsystem = '') and their subsystems.
CREATE TABLE directory_client (
    id {serial},
    class TEXT NOT NULL REFERENCES directory_member_class (code),
    member TEXT NOT NULL,
    subsystem TEXT NOT NULL,
    name TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (class, member, subsystem)
);

CREATE TABLE directory_gateway (
    id {serial},
    owner_id BIGINT NOT NULL REFERENCES directory_client (id),
    code TEXT NOT NULL,
    address TEXT,
    -- NULL: in service; otherwise the message, which may be empty.
    maintenance TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (owner_id, code)
);

CREATE TABLE directory_gateway_cert (
    sha256 TEXT PRIMARY KEY,
    gateway_id BIGINT NOT NULL REFERENCES directory_gateway (id),
    der {bytes} NOT NULL,
    added_at BIGINT NOT NULL
);
CREATE INDEX directory_gateway_cert_gateway ON directory_gateway_cert (gateway_id);

CREATE TABLE directory_gateway_client (
    gateway_id BIGINT NOT NULL REFERENCES directory_gateway (id),
    client_id BIGINT NOT NULL REFERENCES directory_client (id),
    enabled BIGINT NOT NULL DEFAULT 1,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (gateway_id, client_id)
);
CREATE INDEX directory_gateway_client_client ON directory_gateway_client (client_id);

CREATE TABLE directory_group (
    id {serial},
    code TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL
);

-- The member is written out, because members of federated instances may be in a group.
CREATE TABLE directory_group_member (
    group_id BIGINT NOT NULL REFERENCES directory_group (id),
    client TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (group_id, client)
);

-- Approved certification (ca) and time-stamping (tsa) services; the body is JSON.
CREATE TABLE directory_trust_service (
    id {serial},
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    added_at BIGINT NOT NULL
);

CREATE TABLE directory_signing_key (
    id TEXT PRIMARY KEY,
    audience TEXT NOT NULL,
    key_ref TEXT NOT NULL,
    cert {bytes} NOT NULL,
    active BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE directory_trusted_anchor (
    instance TEXT PRIMARY KEY,
    file {bytes} NOT NULL,
    added_at BIGINT NOT NULL
);

-- What was published: one row for each change of content, so that every node serves the same files.
CREATE TABLE directory_generation (
    stamp TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    shared_v6 {bytes} NOT NULL,
    shared_v5 {bytes} NOT NULL,
    private {bytes} NOT NULL
);

CREATE TABLE directory_request (
    id {serial},
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    origin TEXT NOT NULL,
    -- What the request is about; two pending requests with one subject collide or complement each other.
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    submitted_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT,
    comment TEXT
);
CREATE INDEX directory_request_pending ON directory_request (status, kind, subject);

CREATE TABLE directory_audit (
    id {serial},
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    data TEXT NOT NULL
);
