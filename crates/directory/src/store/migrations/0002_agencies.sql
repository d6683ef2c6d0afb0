-- Agencies. A row is one agency for one span of time under one name, parent and status; what is before or after is another row.
CREATE TABLE directory_agency (
    id {serial},
    code TEXT NOT NULL,
    old_code TEXT,
    name TEXT NOT NULL,
    -- The name in lower case without diacritics, for search.
    folded TEXT NOT NULL,
    level BIGINT NOT NULL,
    parent TEXT,
    -- First day it is valid; the earliest day when nobody said.
    valid_from TEXT NOT NULL,
    -- First day it is no longer valid.
    valid_to TEXT,
    -- Who continues its work, comma-separated.
    successors TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '',
    UNIQUE (code, valid_from)
);
CREATE INDEX directory_agency_old ON directory_agency (old_code);
CREATE INDEX directory_agency_folded ON directory_agency (folded);
