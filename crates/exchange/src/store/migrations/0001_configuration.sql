-- The gateway itself: one row. `version` grows with every change of the configuration.
CREATE TABLE exchange_server (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    server TEXT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE exchange_client (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    connection_type TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Certificates the information systems of a client show. `sha256` is lower-case hexadecimal.
CREATE TABLE exchange_client_certificate (
    client TEXT NOT NULL REFERENCES exchange_client (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    der {bytes} NOT NULL,
    uploaded_at BIGINT NOT NULL,
    PRIMARY KEY (client, sha256)
);

-- `service_version` is empty except for SOAP services. `disabled` holds the notice while the service is disabled.
CREATE TABLE exchange_service (
    id {serial},
    client TEXT NOT NULL REFERENCES exchange_client (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    service_version TEXT NOT NULL,
    kind TEXT NOT NULL,
    base_url TEXT NOT NULL,
    description_url TEXT,
    description TEXT,
    timeout_seconds BIGINT NOT NULL,
    verify_tls BIGINT NOT NULL,
    disabled TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (client, code, service_version)
);

CREATE TABLE exchange_endpoint (
    id {serial},
    service BIGINT NOT NULL REFERENCES exchange_service (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    generated BIGINT NOT NULL,
    UNIQUE (service, method, path)
);

-- `subject` is written `client:…`, `local-group:…` or `global-group:…`.
CREATE TABLE exchange_right (
    endpoint BIGINT NOT NULL REFERENCES exchange_endpoint (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (endpoint, subject)
);
CREATE INDEX exchange_right_by_subject ON exchange_right (subject, endpoint);

CREATE TABLE exchange_local_group (
    client TEXT NOT NULL REFERENCES exchange_client (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    description TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (client, code)
);

CREATE TABLE exchange_local_group_member (
    client TEXT NOT NULL,
    code TEXT NOT NULL,
    member TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (client, code, member),
    FOREIGN KEY (client, code) REFERENCES exchange_local_group (client, code) ON DELETE CASCADE
);
CREATE INDEX exchange_local_group_member_by_member ON exchange_local_group_member (member);

-- `hash` is the SHA-256 of the key, lower-case hexadecimal; the key itself is shown once and never stored.
CREATE TABLE exchange_api_key (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);

-- Who did what. Rows are only ever added.
CREATE TABLE exchange_audit (
    id {serial},
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    auth TEXT NOT NULL,
    url TEXT NOT NULL,
    reason TEXT,
    data TEXT NOT NULL
);
CREATE INDEX exchange_audit_by_event ON exchange_audit (event, id);
