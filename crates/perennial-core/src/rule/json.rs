//! Payloads as values, and values as payloads.
//!
//! Serde's readers make a double of every number with more than 20 digits or a fraction. A rule
//! that passes an ICCID or a meter's reading on must not change it, so numbers are read here by
//! their text. What is JSON and what is not is as serde_json has it (the fuzzer compares them).

use std::{collections::BTreeMap, sync::Arc};

use super::{limits::MAX_JSON_DEPTH, number::Number, value::Value};

/// The value of `payload`; `None` when it is not JSON in UTF-8, nested too deep, or has a number
/// that is too large.
pub(super) fn read(payload: &[u8]) -> Option<Value> {
    let text = str::from_utf8(payload).ok()?;
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes over `wanted`, if it comes next.
    fn take(&mut self, wanted: u8) -> bool {
        self.space();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Option<Value> {
        self.space();
        match self.peek()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => Some(Value::Text(self.string()?)),
            b't' => self.word("true", true.into()),
            b'f' => self.word("false", false.into()),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Value>) -> Option<Value> {
        self.depth += 1;
        if self.depth > MAX_JSON_DEPTH {
            return None;
        }
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Some(value)
    }

    fn object(&mut self) -> Option<Value> {
        let mut members = BTreeMap::new();
        if self.take(b'}') {
            return Some(Value::Object(Arc::new(members)));
        }
        loop {
            self.space();
            let name = self.string()?;
            if !self.take(b':') {
                return None;
            }
            members.insert(name, self.value()?);
            if self.take(b'}') {
                return Some(Value::Object(Arc::new(members)));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn array(&mut self) -> Option<Value> {
        let mut entries = Vec::new();
        if self.take(b']') {
            return Some(Value::array(entries));
        }
        loop {
            entries.push(self.value()?);
            if self.take(b']') {
                return Some(Value::array(entries));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        let found = self.text.get(self.at..)?.starts_with(word);
        self.at += word.len();
        found.then_some(value)
    }

    /// A string with its quotes; what has an escape is left to serde_json.
    fn string(&mut self) -> Option<Arc<str>> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return None;
        }
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                ..=0x1f => return None,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        if escaped {
            let token = self.text.get(start..self.at)?;
            return serde_json::from_str::<String>(token).ok().map(Into::into);
        }
        self.text.get(start + 1..self.at - 1).map(Into::into)
    }

    fn digits(&mut self) -> Option<usize> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Some(self.at - start).filter(|count| *count > 0)
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let leading_zero = self.peek() == Some(b'0');
        if self.digits()? > 1 && leading_zero {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Number::parse(self.text.get(start..self.at)?).map(Value::Number)
    }
}

/// What is written is longer than it may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// `value` in JSON, in at most `limit` bytes. What is Undefined is left out.
pub(super) fn write(value: &Value, limit: usize) -> Result<String, TooLong> {
    let mut writer = Writer { text: String::new(), limit };
    writer.value(value)?;
    Ok(writer.text)
}

struct Writer {
    text: String,
    limit: usize,
}

impl Writer {
    fn push(&mut self, text: &str) -> Result<(), TooLong> {
        if self.text.len() + text.len() > self.limit {
            return Err(TooLong);
        }
        self.text.push_str(text);
        Ok(())
    }

    fn value(&mut self, value: &Value) -> Result<(), TooLong> {
        match value {
            Value::Undefined => Ok(()),
            Value::Null => self.push("null"),
            Value::Boolean(true) => self.push("true"),
            Value::Boolean(false) => self.push("false"),
            Value::Number(number) => self.push(&number.to_string()),
            Value::Text(text) => self.string(text),
            Value::Array(entries) => {
                self.list("[", entries.iter().filter(|entry| !entry.is_undefined()), Self::value)?;
                self.push("]")
            }
            Value::Object(members) => {
                self.list("{", members.iter(), |writer, (name, value)| {
                    writer.string(name)?;
                    writer.push(":")?;
                    writer.value(value)
                })?;
                self.push("}")
            }
        }
    }

    fn list<T>(
        &mut self,
        open: &str,
        entries: impl Iterator<Item = T>,
        write: impl Fn(&mut Self, T) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        self.push(open)?;
        for (index, entry) in entries.enumerate() {
            if index > 0 {
                self.push(",")?;
            }
            write(self, entry)?;
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), TooLong> {
        let quoted = serde_json::to_string(text).map_err(|_| TooLong)?;
        self.push(&quoted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_written_as_it_was() {
        for text in [
            r#"{"CSR":"-----BEGIN\n\"é\"","a":[1,-2.50,true,null,{}],"b":{"c":[]}}"#,
            "89014103211118510720123456",
            "0.30000000000000000000000001",
            r#""\ud83d\ude00""#,
        ] {
            let value = read(text.as_bytes()).unwrap();
            let again = read(write(&value, 1_000).unwrap().as_bytes());
            assert_eq!(again, Some(value), "{text}");
        }
        let iccid = read(b"[89014103211118510720]").unwrap();
        assert_eq!(write(&iccid, 100).unwrap(), "[89014103211118510720]");
    }

    #[test]
    fn what_is_no_json_is_none() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            ".5",
            "+1",
            "tru",
            "\"a",
            "\"\n\"",
            "[1]x",
            "{a:1}",
            "1e",
            "\"\\q\"",
            "nul",
            "-",
            "\"\\",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read(&[b'"', 0xff, b'"']), None);
        assert_eq!(read("[".repeat(100_000).as_bytes()), None);
    }

    #[test]
    fn nothing_longer_than_the_limit_is_written() {
        let value = Value::array(vec![Value::from("abcdef"); 10]);

        assert_eq!(write(&value, 90), Err(TooLong));
        assert_eq!(write(&value, 91).unwrap().len(), 91);
    }
}
