//! Which URLs may be sent to: those below a confirmation URL whose owner confirmed.

use http::Uri;

/// The confirmation URLs that are in force.
#[derive(Debug, Default)]
pub(crate) struct Confirmed(Vec<Uri>);

impl Confirmed {
    /// Those of these that are URLs.
    pub(crate) fn new<'u>(urls: impl Iterator<Item = &'u str>) -> Self {
        Self(urls.filter_map(|url| url.parse().ok()).collect())
    }

    /// Whether `url` is below one of them: same scheme and authority, and a path that begins with
    /// its path, whole segments of it.
    pub(crate) fn has(&self, url: &Uri) -> bool {
        self.0.iter().any(|confirmed| is_below(confirmed, url))
    }
}

fn is_below(confirmed: &Uri, url: &Uri) -> bool {
    let authority = |uri: &Uri| uri.authority().map(|it| it.as_str().to_ascii_lowercase());
    if confirmed.scheme() != url.scheme() || authority(confirmed) != authority(url) {
        return false;
    }
    let wanted = confirmed.path();
    let Some(rest) = url.path().strip_prefix(wanted) else { return false };
    let climbs = url.path().split(['/', '\\']).any(is_dots);
    !climbs && (rest.is_empty() || wanted.ends_with('/') || rest.starts_with('/'))
}

/// Whether a segment stands for this one or the one above, to whoever decodes it.
fn is_dots(segment: &str) -> bool {
    let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
    // An encoded slash is one to some, and what is before or behind it a segment.
    decoded.replace("%5c", "/").replace("%2f", "/").split('/').any(|it| matches!(it, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_a_confirmed_url_may_be_sent_to() {
        let confirmed = Confirmed::new(["https://a.example/in", "https://b.example"].into_iter());
        let has = |url: &str| confirmed.has(&url.parse().unwrap());

        for url in [
            "https://a.example/in",
            "https://A.example/in/x?y=1",
            "https://a.example/in?x",
            "https://a.example/in/..x/a%2fb/...",
            "https://b.example/any/thing",
        ] {
            assert!(has(url), "{url}");
        }
        for url in [
            "http://a.example/in",
            "https://a.example/inner",
            "https://a.example/",
            "https://a.example/in/../admin",
            "https://a.example/in/%2e%2E/admin",
            "https://a.example/in/.%2e",
            "https://a.example/in/x%2f..%2Fadmin",
            "https://a.example/in/..%5cadmin",
            "https://a.example.evil.net/in",
            "https://a.example:8443/in",
            "https://x@a.example/in",
        ] {
            assert!(!has(url), "{url}");
        }
    }
}
