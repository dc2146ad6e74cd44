//! A strict DER reader (X.690 §10): definite, minimal lengths, one-octet tags, nothing left over.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// `[0]`, constructed.
pub(crate) const CONTEXT_0: u8 = 0xa0;

/// The octets are not the DER they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotDer;

/// One element: its tag, its content, and both with the length between them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) raw: &'a [u8],
}

impl<'a> Element<'a> {
    /// A reader of what is inside.
    pub(crate) fn inside(self) -> Reader<'a> {
        Reader { rest: self.content }
    }
}

/// Reads elements one after the other.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element, whatever its tag.
    pub(crate) fn any(&mut self) -> Result<Element<'a>, NotDer> {
        let (&tag, after_tag) = self.rest.split_first().ok_or(NotDer)?;
        if tag & 0x1f == 0x1f {
            return Err(NotDer);
        }
        let (len, body) = length(after_tag)?;
        let (content, rest) = body.split_at_checked(len).ok_or(NotDer)?;
        let (raw, _) = self.rest.split_at(self.rest.len() - rest.len());
        self.rest = rest;
        Ok(Element { tag, content, raw })
    }

    /// The next element, which must have `tag`.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, NotDer> {
        let element = self.any()?;
        if element.tag == tag { Ok(element) } else { Err(NotDer) }
    }

    /// The next element if it has `tag`; nothing is read otherwise.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, NotDer> {
        if self.rest.first() == Some(&tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// The octets of a BIT STRING that holds whole octets.
    pub(crate) fn whole_octet_bits(&mut self) -> Result<&'a [u8], NotDer> {
        match self.expect(BIT_STRING)?.content.split_first() {
            Some((0, octets)) => Ok(octets),
            Some(_) | None => Err(NotDer),
        }
    }

    /// A BOOLEAN DEFAULT FALSE, which DER leaves out when it is false.
    ///
    /// An explicit FALSE is let pass: encoders in the field write it, and it means the same.
    pub(crate) fn default_false(&mut self) -> Result<bool, NotDer> {
        match self.optional(BOOLEAN)?.map(|element| element.content) {
            None | Some([0]) => Ok(false),
            Some([0xff]) => Ok(true),
            Some(_) => Err(NotDer),
        }
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Result<(), NotDer> {
        if self.rest.is_empty() { Ok(()) } else { Err(NotDer) }
    }
}

/// A length of at most 65,535 and the octets after it.
fn length(octets: &[u8]) -> Result<(usize, &[u8]), NotDer> {
    match octets {
        [short @ 0..=0x7f, rest @ ..] => Ok((usize::from(*short), rest)),
        [0x81, long @ 0x80..=0xff, rest @ ..] => Ok((usize::from(*long), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => {
            Ok((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => Err(NotDer),
    }
}

/// The one element that `octets` are, which must have `tag`.
pub(crate) fn only(octets: &[u8], tag: u8) -> Result<Element<'_>, NotDer> {
    let mut reader = Reader::new(octets);
    let element = reader.expect(tag)?;
    reader.finish()?;
    Ok(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_der_forbids_are_refused() {
        for bad in [
            &[0x04, 0x80, 0x00, 0x00][..],
            &[0x04, 0x81, 0x01, 0xaa],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x02, 0xaa],
            &[0x04],
            &[],
            &[0x1f, 0x01, 0x00],
        ] {
            assert!(Reader::new(bad).any().is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn an_element_knows_its_content_and_its_whole() {
        let octets = [0x30, 0x03, 0x02, 0x01, 0x07, 0xff];

        let mut reader = Reader::new(&octets);
        let sequence = reader.expect(SEQUENCE).unwrap();

        assert_eq!(sequence.raw, &octets[..5]);
        assert_eq!(sequence.inside().expect(INTEGER).unwrap().content, [7]);
        assert_eq!(reader.finish(), Err(NotDer));
    }
}
