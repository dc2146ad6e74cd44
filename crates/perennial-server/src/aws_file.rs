//! The AWS CLI's configuration and credentials files: sections of `name = value` lines.

use std::{collections::BTreeMap, fmt, io, path::Path};

/// One such file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AwsFile(BTreeMap<String, BTreeMap<String, String>>);

impl AwsFile {
    /// A file of one section.
    pub(crate) fn of(section: &str, members: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let members = members.iter().map(owned).collect();
        Self(BTreeMap::from([(section.to_owned(), members)]))
    }

    /// Reads a file. What is neither a section nor a member is passed over, as AWS's tools do.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::parse(&std::fs::read_to_string(path)?))
    }

    fn parse(text: &str) -> Self {
        let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut section = None;
        for line in text.lines().map(str::trim) {
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                // The configuration file says `profile NAME`, the credentials file `NAME`.
                let name = name.trim();
                let name = name.strip_prefix("profile ").unwrap_or(name).trim();
                section = Some(name.to_owned());
            } else if let (Some(section), Some((name, value))) = (&section, line.split_once('=')) {
                let members = sections.entry(section.clone()).or_default();
                members.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        Self(sections)
    }

    /// A member of a section.
    pub(crate) fn member(&self, section: &str, name: &str) -> Option<&str> {
        self.0.get(section)?.get(name).map(String::as_str)
    }
}

impl fmt::Display for AwsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (section, members) in &self.0 {
            writeln!(f, "[{section}]")?;
            for (name, value) in members {
                writeln!(f, "{name} = {value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let file = AwsFile::of("default", &[("region", "local-1"), ("output", "json")]);

        assert_eq!(AwsFile::parse(&file.to_string()), file);
    }

    #[test]
    fn profiles_comments_and_equals_signs_read_as_the_aws_cli_reads_them() {
        let file = AwsFile::parse("# c\n[profile ops]\n aws_secret_access_key = a=b/+ \n; x = y\n");

        assert_eq!(file.member("ops", "aws_secret_access_key"), Some("a=b/+"));
        assert_eq!(file.member("ops", "x"), None);
        assert_eq!(file.member("default", "region"), None);
    }
}
