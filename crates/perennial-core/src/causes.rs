//! An error with its causes in one line, each told once.

use std::error::Error;

/// An error and its causes, without those that its text tells already.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let (mut told, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        let text = cause.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        next = cause.source();
    }
    told
}

#[cfg(test)]
mod tests {
    #[derive(Debug, thiserror::Error)]
    enum Failed {
        #[error("gone")]
        Gone,
        #[error("x cannot be read: {0}")]
        Read(#[source] Box<Failed>),
        #[error("no start")]
        Start(#[source] Box<Failed>),
    }

    #[test]
    fn a_cause_is_told_once() {
        let unreadable = Failed::Read(Box::new(Failed::Gone));

        let told = super::with_causes(&Failed::Start(Box::new(unreadable)));

        assert_eq!(told, "no start: x cannot be read: gone");
    }
}
