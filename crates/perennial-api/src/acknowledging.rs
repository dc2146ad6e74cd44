//! The page behind a signed link: GET shows a button, and only what the button posts acknowledges.

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use perennial_core::{
    ids::NoticeId,
    notice::{Notice, State as NoticeState},
};
use perennial_store::StoreError;
use tracing::{info, warn};

use crate::{Api, ApiError, body};

/// The longest name that somebody may give, in characters.
const NAME: usize = 100;
/// What a page may do: nothing, but post its form.
const POLICY: &str =
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What a page says, and with which status.
type Page = (StatusCode, String);

/// Shows the button.
pub(crate) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut response = respond(match checked(&api, &id, head.uri.query().unwrap_or_default()) {
        Err(page) => page,
        Ok(id) => match api.parts.store.stored_notice(id).await {
            Err(error) => failed(error),
            Ok(stored) => (StatusCode::OK, form(&stored.notice)),
        },
    });
    body::finish(body, &mut response).await;
    response
}

/// Acknowledges.
pub(crate) async fn post(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    let page = acknowledge(&api, &id, head.uri.query().unwrap_or_default(), &mut body).await;
    let mut response = respond(page);
    body::finish(body, &mut response).await;
    response
}

async fn acknowledge(api: &Api, id: &str, query: &str, body: &mut Body) -> Page {
    let id = match checked(api, id, query) {
        Ok(id) => id,
        Err(page) => return page,
    };
    let body = match body::read(body).await {
        Ok(body) => body,
        Err(error) => return (StatusCode::BAD_REQUEST, paragraph(&error.message)),
    };
    let by = match name(&body) {
        Some(name) => format!("{name}, by a signed link"),
        None => "a signed link".to_owned(),
    };
    let now = api.parts.outside.clock.now();
    match api.parts.store.acknowledge_notice(id, by, now).await {
        Err(error) => failed(error),
        Ok(notice) => {
            info!(notice.id = %id, "a notice was acknowledged by a signed link");
            (StatusCode::OK, thanks(&notice))
        }
    }
}

/// The notice that the link is for, if the link is good.
fn checked(api: &Api, id: &str, query: &str) -> Result<NoticeId, Page> {
    let refused = |why: &str| (StatusCode::FORBIDDEN, paragraph(why));
    let (mut until, mut signature) = (None, None);
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("until", value)) => until = value.parse().ok(),
            Some(("signature", value)) => signature = Some(value),
            Some(_) | None => {}
        }
    }
    let (Ok(id), Some(until), Some(signature)) = (id.parse::<NoticeId>(), until, signature) else {
        return Err(refused(
            "This is no link to acknowledge a notice with: a part of it is missing.",
        ));
    };
    let now = api.parts.outside.clock.now();
    api.parts.settings.links.check(id, until, signature, now).map_err(|bad| {
        warn!(notice.id = %id, %bad, "a link was refused");
        refused(&bad.to_string())
    })?;
    Ok(id)
}

/// The name that was given in the form, if one was.
fn name(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let mut members = text.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = members.find(|(name, _)| *name == "name")?;
    let value = value.replace('+', " ");
    let value = percent_decode_str(&value).decode_utf8().ok()?;
    let shown: String = value.chars().filter(|c| !c.is_control()).take(NAME).collect();
    let shown = shown.trim().to_owned();
    (!shown.is_empty()).then_some(shown)
}

fn failed(error: StoreError) -> Page {
    let error = ApiError::from(error);
    warn!(code = error.code.as_str(), message = %error.message, "a link led nowhere");
    (error.code.status(), paragraph(&error.message))
}

fn form(notice: &Notice) -> String {
    let what = format!("{}{}", about(notice), state(notice));
    if notice.acknowledged.is_some() || !notice.is_open() {
        return what;
    }
    // Without action it is posted to where the page came from, signature and all.
    format!(
        "{what}<form method=\"post\"><p><label>Your name: <input name=\"name\" maxlength=\"{NAME}\" \
         autocomplete=\"name\"></label></p><p><button>I see to it</button></p></form>"
    )
}

fn thanks(notice: &Notice) -> String {
    format!("{}{}", about(notice), state(notice))
}

fn about(notice: &Notice) -> String {
    let mut text = format!(
        "<h1>{}</h1><p>{}, {} times.</p><ul>",
        escaped(notice.kind.in_words()),
        notice.severity.name(),
        notice.count
    );
    for sampled in notice.sample.as_slice() {
        let (subject, what) = (escaped(&sampled.subject), escaped(&sampled.text));
        text.push_str(&format!("<li>{subject}: {what}</li>"));
    }
    text.push_str("</ul>");
    text
}

fn state(notice: &Notice) -> String {
    match (&notice.acknowledged, notice.state) {
        (_, NoticeState::Closed { .. }) => paragraph("It is closed: there is nothing left to do."),
        (Some(acknowledged), _) => paragraph(&format!("{} sees to it.", acknowledged.by)),
        (None, _) => String::new(),
    }
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escaped(text))
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
        safe
    })
}

fn respond((status, content): Page) -> Response<Body> {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Perennial</title>{content}"
    );
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_form_says_and_no_longer_than_it_may_be() {
        assert_eq!(name(b"name=Ada+L%C3%B6we").as_deref(), Some("Ada Löwe"));
        assert_eq!(name(b"other=1&name=a%0Ab").as_deref(), Some("ab"));
        assert_eq!(name(b"name=+++"), None);
        assert_eq!(name(b""), None);
        assert_eq!(name(b"name=%FF"), None);
        assert_eq!(
            name(&[b"name=".as_slice(), &[b'x'; 500]].concat()).map(|it| it.len()),
            Some(NAME)
        );
    }

    #[test]
    fn what_others_wrote_is_text_on_the_page() {
        assert_eq!(escaped("<b a='1'>&\""), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    }
}
