//! Access: where the server is, whom to trust there, and as whom to sign. Read from the data folder
//! of a server on this machine, or from where AWS's tools read it.

use std::path::{Path, PathBuf};

use http::Uri;
use perennial_api::sigv4::SigningSecret;

use crate::{administrator, aws_file::AwsFile};

/// The data folder when none is named.
const USUAL_DATA: &str = "perennial-data";
/// The profile when none is named.
const USUAL_PROFILE: &str = "default";

/// What the caller says of it; what is absent is looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A server's data folder.
    pub data: Option<PathBuf>,
    /// A profile of AWS's files.
    pub profile: Option<String>,
    /// Where the API is.
    pub endpoint_url: Option<String>,
    /// The file of trust anchors.
    pub ca_bundle: Option<PathBuf>,
}

/// Where to ask, and as whom.
#[derive(Debug)]
pub struct Access {
    secure: bool,
    host: String,
    port: u16,
    region: String,
    anchors: PathBuf,
    access_key_id: String,
    secret: SigningSecret,
}

/// Why it is not known where to ask, or as whom.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No server ever ran on the data folder.
    #[error(
        "{folder} is no data folder of a server, since it has no admin/config: start one with \
         `perennial serve --data {folder}`, name its folder with --data, or say where else it is, \
         as AWS's tools want it (--profile, --endpoint-url)",
        folder = .0.display()
    )]
    NoServer(PathBuf),
    /// A file cannot be read.
    #[error("{} cannot be read: {source}; ask as the user that the server runs as, or with an access \
             key of your own (--profile)", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something that must be said is not.
    #[error("no {what} is named: {how}")]
    Missing {
        /// What.
        what: &'static str,
        /// How to say it.
        how: String,
    },
    /// Not a URL of an endpoint.
    #[error("{url:?} is no endpoint: {why}")]
    Endpoint {
        /// What was said.
        url: String,
        /// Why not.
        why: &'static str,
    },
}

/// Looks up a variable of the environment.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One profile's members, wherever they come from.
struct Profile {
    config: AwsFile,
    credentials: AwsFile,
    name: String,
    /// The file that says where the server is.
    config_path: PathBuf,
    credentials_path: PathBuf,
}

impl Access {
    /// Finds out, from what is wanted and the environment.
    ///
    /// A data folder that is named wins, then a profile that is; then AWS's environment, if any of
    /// it is set; then the usual data folder.
    ///
    /// # Errors
    /// [`AccessError`] says what is missing and how to say it.
    pub fn find(wanted: &Wanted, environment: Environment<'_>) -> Result<Self, AccessError> {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let profile = match data_folder(wanted, &variable) {
            Some(data) => return Self::of_folder(&data, wanted),
            None => Profile::of_environment(wanted, &variable)?,
        };
        Self::of_profile(&profile, wanted, &variable)
    }

    /// With the files that a server keeps in its own folder.
    fn of_folder(data: &Path, wanted: &Wanted) -> Result<Self, AccessError> {
        let config_path = administrator::config_path(data);
        match std::fs::metadata(&config_path) {
            Ok(_) => {}
            Err(source) if source.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(AccessError::Unreadable { path: config_path, source });
            }
            Err(_) => return Err(AccessError::NoServer(data.to_owned())),
        }
        let credentials_path = administrator::credentials_path(data);
        let profile = Profile::read(USUAL_PROFILE, config_path, credentials_path)?;
        Self::of_profile(&profile, wanted, &|_| None)
    }

    fn of_profile(
        profile: &Profile,
        wanted: &Wanted,
        variable: Environment<'_>,
    ) -> Result<Self, AccessError> {
        let named = |names: &[&str]| names.iter().find_map(|name| variable(name));
        let endpoint = wanted.endpoint_url.clone();
        let endpoint = endpoint
            .or_else(|| named(&["AWS_ENDPOINT_URL_IOT", "AWS_ENDPOINT_URL"]))
            .or_else(|| profile.config("endpoint_url"))
            .ok_or_else(|| profile.missing("endpoint", "endpoint_url", "--endpoint-url"))?;
        let region = named(&["AWS_REGION", "AWS_DEFAULT_REGION"])
            .or_else(|| profile.config("region"))
            .ok_or_else(|| profile.missing("region", "region", "AWS_REGION"))?;
        let anchors = wanted.ca_bundle.clone();
        let anchors = anchors
            .or_else(|| named(&["AWS_CA_BUNDLE"]).map(PathBuf::from))
            .or_else(|| profile.config("ca_bundle").map(PathBuf::from));
        let (access_key_id, secret) = key(profile, variable)?;
        let (secure, host, port) = take_apart(&endpoint)?;
        if secure && anchors.is_none() {
            return Err(profile.missing("trust anchor", "ca_bundle", "--ca-bundle"));
        }
        let anchors = anchors.unwrap_or_default();
        let secret = SigningSecret::new(secret);
        Ok(Self { secure, host, port, region, anchors, access_key_id, secret })
    }

    /// The URL that it is reached at.
    pub fn endpoint(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    pub(super) fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    pub(super) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// The file of trust anchors; none for plain HTTP.
    pub(super) fn anchors(&self) -> Option<&Path> {
        self.secure.then_some(&self.anchors)
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    pub(super) const fn secret(&self) -> &SigningSecret {
        &self.secret
    }
}

/// The data folder to use, unless AWS's ways are wanted.
fn data_folder(wanted: &Wanted, variable: Environment<'_>) -> Option<PathBuf> {
    let aws =
        ["AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ACCESS_KEY_ID"];
    match wanted {
        Wanted { data: Some(data), .. } => Some(data.clone()),
        Wanted { profile: Some(_), .. } => None,
        Wanted { .. } => variable("PERENNIAL_DATA").map(PathBuf::from).or_else(|| {
            let is_aws = aws.iter().any(|name| variable(name).is_some());
            (!is_aws).then(|| PathBuf::from(USUAL_DATA))
        }),
    }
}

/// The access key that signs: of the environment, or of the profile.
fn key(profile: &Profile, variable: Environment<'_>) -> Result<(String, String), AccessError> {
    if let (Some(id), Some(secret)) =
        (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
    {
        if variable("AWS_SESSION_TOKEN").is_some() {
            let how = "AWS_SESSION_TOKEN is set, and session tokens are not accepted: unset it and \
                       use an access key of the server's";
            return Err(AccessError::Missing { what: "access key", how: how.to_owned() });
        }
        return Ok((id, secret));
    }
    let member = |name| profile.credentials(name);
    match (member("aws_access_key_id"), member("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Ok((id, secret)),
        _ => {
            let (name, path) = (&profile.name, profile.credentials_path.display());
            let how = format!(
                "{path} has no aws_access_key_id and aws_secret_access_key in [{name}]; \
                 `perennial key create --offline` makes a key when none is left"
            );
            Err(AccessError::Missing { what: "access key", how })
        }
    }
}

impl Profile {
    fn of_environment(wanted: &Wanted, variable: Environment<'_>) -> Result<Self, AccessError> {
        let home = variable("HOME").map_or_else(PathBuf::new, PathBuf::from).join(".aws");
        let path = |name: &str, usual: &str| {
            variable(name).map_or_else(|| home.join(usual), PathBuf::from)
        };
        let name = wanted.profile.clone().or_else(|| variable("AWS_PROFILE"));
        let name = name.unwrap_or_else(|| USUAL_PROFILE.to_owned());
        let config_path = path("AWS_CONFIG_FILE", "config");
        let credentials_path = path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        Self::read(&name, config_path, credentials_path)
    }

    /// Reads both files; one that is not there says nothing.
    fn read(name: &str, config: PathBuf, credentials: PathBuf) -> Result<Self, AccessError> {
        let read = |path: &Path| match AwsFile::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(AwsFile::default()),
            Err(source) => Err(AccessError::Unreadable { path: path.to_owned(), source }),
            Ok(file) => Ok(file),
        };
        Ok(Self {
            config: read(&config)?,
            credentials: read(&credentials)?,
            name: name.to_owned(),
            config_path: config,
            credentials_path: credentials,
        })
    }

    fn config(&self, member: &str) -> Option<String> {
        self.config.member(&self.name, member).map(str::to_owned)
    }

    /// A member of the credentials file, or else of the configuration file.
    fn credentials(&self, member: &str) -> Option<String> {
        let found = self.credentials.member(&self.name, member).map(str::to_owned);
        found.or_else(|| self.config(member))
    }

    fn missing(&self, what: &'static str, member: &str, instead: &str) -> AccessError {
        let (path, name) = (self.config_path.display(), &self.name);
        let how = format!("{path} has no {member} in [{name}], and {instead} says none either");
        AccessError::Missing { what, how }
    }
}

/// Whether TLS is wanted, the host, and the port of an endpoint's URL.
fn take_apart(url: &str) -> Result<(bool, String, u16), AccessError> {
    let bad = |why| AccessError::Endpoint { url: url.to_owned(), why };
    let uri: Uri = url.parse().map_err(|_| bad("it should look like https://HOST:PORT"))?;
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        Some(_) | None => return Err(bad("it should begin with https://")),
    };
    let host = uri.host().ok_or_else(|| bad("it names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let is_local = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if !secure && !is_local {
        return Err(bad("without TLS only this machine may be asked"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(bad("nothing may stand behind the port"));
    }
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    Ok((secure, host, port))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, fs};

    use super::*;

    /// A data folder as a server leaves it.
    fn folder(port: u16) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let admin = folder.path().join("admin");
        fs::create_dir(&admin).unwrap();
        let config = format!(
            "[default]\nregion = local-1\nendpoint_url = https://localhost:{port}\nca_bundle = a.pem\n"
        );
        fs::write(admin.join("config"), config).unwrap();
        let credentials = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n";
        fs::write(admin.join("credentials"), credentials).unwrap();
        folder
    }

    fn environment(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn find(wanted: &Wanted, pairs: &[(&str, &str)]) -> Result<Access, AccessError> {
        let environment = environment(pairs);
        Access::find(wanted, &|name| environment.get(name).cloned())
    }

    #[test]
    fn a_data_folder_that_is_named_wins_over_awss_environment() {
        let (named, other) = (folder(1), folder(2));
        let of = |data: &tempfile::TempDir| data.path().to_str().unwrap().to_owned();
        let wanted = Wanted { data: Some(named.path().to_owned()), ..Wanted::default() };
        let aws = ("AWS_ENDPOINT_URL", "https://localhost:3");

        let by_option = find(&wanted, &[("PERENNIAL_DATA", &of(&other)), aws]).unwrap();
        let by_variable =
            find(&Wanted::default(), &[("PERENNIAL_DATA", &of(&other)), aws]).unwrap();

        assert_eq!(by_option.endpoint(), "https://localhost:1");
        assert_eq!(by_variable.endpoint(), "https://localhost:2");
        assert_eq!(by_option.anchors(), Some(Path::new("a.pem")));
    }

    #[test]
    fn awss_environment_counts_where_no_folder_is_named_and_a_profile_always() {
        let files = folder(1);
        let path = |name: &str| files.path().join("admin").join(name).display().to_string();
        let other = folder(2).path().display().to_string();
        let (config, credentials) = (path("config"), path("credentials"));
        fs::write(
            files.path().join("admin/config"),
            "[profile ops]\nregion = r\nendpoint_url = https://[::1]:9\nca_bundle = b.pem\n\
             aws_access_key_id = C\naws_secret_access_key = D\n",
        )
        .unwrap();
        let aws = [
            ("AWS_CONFIG_FILE", config.as_str()),
            ("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()),
            ("PERENNIAL_DATA", other.as_str()),
        ];
        let wanted = Wanted { profile: Some("ops".to_owned()), ..Wanted::default() };

        let by_profile = find(&wanted, &aws).unwrap();
        let by_variables = find(
            &Wanted { ca_bundle: Some("c.pem".into()), ..Wanted::default() },
            &[
                ("AWS_ACCESS_KEY_ID", "E"),
                ("AWS_SECRET_ACCESS_KEY", "F"),
                ("AWS_ENDPOINT_URL", "https://example.com"),
                ("AWS_REGION", "r"),
            ],
        )
        .unwrap();

        assert_eq!(
            (by_profile.endpoint().as_str(), by_profile.access_key_id()),
            ("https://[::1]:9", "C")
        );
        assert_eq!(by_variables.endpoint(), "https://example.com:443");
        assert_eq!(
            (by_variables.access_key_id(), by_variables.anchors()),
            ("E", Some(Path::new("c.pem")))
        );
    }

    #[test]
    fn what_is_missing_is_named_with_how_to_say_it() {
        let empty = tempfile::tempdir().unwrap();
        let data = Wanted { data: Some(empty.path().to_owned()), ..Wanted::default() };
        let key = [("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "F"), ("AWS_REGION", "r")];
        let said = |wanted: &Wanted, more: &[(&str, &str)]| {
            let pairs: Vec<_> = key.iter().chain(more).copied().collect();
            find(wanted, &pairs).unwrap_err().to_string()
        };
        let at = |url: &str| Wanted { endpoint_url: Some(url.to_owned()), ..Wanted::default() };

        assert!(said(&data, &[]).contains("perennial serve"));
        assert!(said(&Wanted::default(), &[]).contains("--endpoint-url"));
        assert!(said(&at("https://a"), &[]).contains("--ca-bundle"));
        assert!(said(&at("http://a"), &[]).contains("without TLS"));
        assert!(said(&at("ftp://a"), &[]).contains("https://"));
        assert!(said(&at("https://a/b"), &[]).contains("behind the port"));
        let token = [("AWS_SESSION_TOKEN", "t"), ("AWS_CA_BUNDLE", "b")];
        assert!(said(&at("https://a"), &token).contains("session tokens"));
        assert!(find(&at("http://localhost:8080"), &key).unwrap().anchors().is_none());
    }
}
