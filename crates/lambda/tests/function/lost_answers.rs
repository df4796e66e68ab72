//! lost_answers
