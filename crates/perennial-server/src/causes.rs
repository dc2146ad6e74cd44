//! An error with its causes in one line, each told once.

/// An error and its causes, without those that its text tells already.
pub fn with_causes(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |told, cause| {
        let cause = cause.to_string();
        if told.contains(&cause) { told } else { format!("{told}: {cause}") }
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_told_once() {
        let gone = anyhow::Error::new(std::io::Error::other("gone"));
        let unreadable = gone.context("x cannot be read: gone");

        let told = super::with_causes(&Err::<(), _>(unreadable).context("no start").unwrap_err());

        assert_eq!(told, "no start: x cannot be read: gone");
    }
}
