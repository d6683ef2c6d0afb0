//! Containers as they leave the log, and the signed-document service.
