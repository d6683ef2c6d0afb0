//! Pure rules of the exchange. No I/O, no async, no clock, no randomness.

