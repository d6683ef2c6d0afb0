//! File journal: recovery after torn ends and damage, and a disk that fails.
