//! History: one line for each input of a rotation, in words an auditor can read.

use perennial_core::{
    rotation::{ClockSkew, Input, Note, Presence, Sender},
    time::Timestamp,
};

use crate::port::HistoryEntry;

/// The line for an input that led from one state to another.
pub(crate) fn entry(
    input: &Input,
    (from, to): (&str, &str),
    note: Note,
    now: Timestamp,
) -> HistoryEntry {
    HistoryEntry {
        at: now,
        input: input.name().to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        note,
        detail: detail(input, now),
    }
}

/// Who or what was behind an input; never a key or a CSR.
fn detail(input: &Input, now: Timestamp) -> String {
    match input {
        Input::CsrReceived { sender, csr, .. } => {
            format!("from {}, csr sha256 {}", speaker(sender), csr.digest)
        }
        Input::AckReceived { sender, hook: Some(hook), .. } => match hook.exit_code {
            Some(code) => format!("from {}, hook exit code {code}", speaker(sender)),
            None => format!("from {}, hook did not end by itself", speaker(sender)),
        },
        Input::AckReceived { sender, .. } => format!("from {}", speaker(sender)),
        Input::ErrReceived { sender, code, text, device_time, .. } => {
            let skew = device_time.map(|shows| ClockSkew::of(shows, now));
            let clock = skew.map_or(String::new(), |skew| format!(", its clock {skew}"));
            format!("from {}{clock}, {}: {text}", speaker(sender), code.as_str())
        }
        Input::DeviceConnected { principal } | Input::DeviceSubscribed { principal } => {
            format!("with certificate {principal}")
        }
        Input::CertificateIssued { incoming, .. } => format!("certificate {incoming}"),
        Input::IssueRefused { code, reason, .. } => format!("{}: {reason}", code.as_str()),
        Input::IssueFailed { fault, .. }
        | Input::EnrollFailed { fault }
        | Input::RetireFailed { fault } => format!("{}: {}", fault.kind.in_words(), fault.reason),
        Input::DeadlinePassed { presence: Presence::Offline } => "device offline".to_owned(),
        Input::DeadlinePassed { presence: Presence::Online(principal) } => {
            format!("device online with certificate {principal}")
        }
        Input::Cancelled { by } => by.in_words().to_owned(),
        Input::StartRequested => "by an operator".to_owned(),
        Input::Enrolled | Input::OutgoingRetired | Input::IncomingRetired => String::new(),
    }
}

fn speaker(sender: &Sender) -> String {
    match (sender.session, sender.proven) {
        (Some(session), Some(proven)) if session != proven => {
            format!("session of {session}, proven by {proven}")
        }
        (Some(principal), _) => format!("session of {principal}"),
        (None, Some(proven)) => format!("proven by {proven}"),
        (None, None) => "an unknown sender".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use perennial_core::{message::ErrorCode, rotation::Cancellation};

    use super::*;

    #[test]
    fn a_line_names_codes_as_the_protocol_does_and_says_the_rest_in_words() {
        let sender = Sender { session: None, proven: None };
        let (code, text) = (ErrorCode::WrongName, "it is for another".to_owned());
        let reported = Input::ErrReceived {
            sender,
            rotation_id: None,
            code,
            text,
            phase: None,
            device_time: None,
        };
        let cancelled = Input::Cancelled { by: Cancellation::OutgoingWithdrawn };

        let lines = [detail(&reported, Timestamp::EPOCH), detail(&cancelled, Timestamp::EPOCH)];

        let withdrawn = "since the outgoing certificate was withdrawn";
        let error = "from an unknown sender, wrong_name: it is for another";
        assert_eq!(lines, [error, withdrawn]);
    }
}
