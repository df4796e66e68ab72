//! SMILE's tokens, with the names and texts that refer to earlier ones resolved.

use super::numbers::{self, Big};
use crate::Damage;
use crate::bytes::MAX_EXPANDED;
use crate::bytes::cursor::Cursor;

const HEADER: &[u8] = b":)\n";
const ARRAY_END: u8 = 0xf9;
const OBJECT_END: u8 = 0xfb;
const TEXT_END: u8 = 0xfc;
const CONTENT_END: u8 = 0xff;
const NULL: u8 = 0x21;

/// How many names, and how many texts, can be referred to; then Jackson begins anew. By the specification names of more than 64
/// bytes do not count; Jackson counts them and refers to them.
const MAX_SEEN: usize = 1024;

/// A value, or how one begins or ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token<'de> {
    Null,
    Bool(bool),
    Integer(i64),
    Unsigned(u64),
    /// Numbers of more than 64 bits too, as near as can be.
    Float(f64),
    Text(&'de str),
    Raw(&'de [u8]),
    /// Binary that was written in seven bits a byte.
    Unpacked(Vec<u8>),
    Array,
    ArrayEnd,
    Object,
}

/// Texts that later ones refer to by number.
#[derive(Debug, Default)]
struct Seen<'de>(Option<Vec<&'de str>>);

impl<'de> Seen<'de> {
    fn new(is_shared: bool) -> Self {
        Self(is_shared.then(Vec::new))
    }

    fn add(&mut self, text: &'de str) {
        if let Some(seen) = &mut self.0 {
            if seen.len() == MAX_SEEN {
                seen.clear();
            }
            seen.push(text);
        }
    }

    fn get(&self, number: usize) -> Option<&'de str> {
        self.0.as_ref()?.get(number).copied()
    }
}

/// Reads token by token.
#[derive(Debug)]
pub(crate) struct Tokens<'de> {
    cursor: Cursor<'de>,
    last: usize,
    /// Bytes of all texts that references stood for.
    referred: usize,
    names: Seen<'de>,
    texts: Seen<'de>,
}

impl<'de> Tokens<'de> {
    pub(crate) fn open(bytes: &'de [u8]) -> Result<Self, Damage> {
        let mut cursor = Cursor::new(bytes);
        let start = cursor.take(HEADER.len(), "a SMILE header")?;
        if start != HEADER {
            return Err(Damage::new(0, "a SMILE header", format_args!("{start:02x?}")));
        }
        let flags = cursor.byte("a SMILE header")?;
        if flags & 0xf8 != 0 {
            return Err(Damage::new(HEADER.len(), "SMILE of version 0", format_args!("the flags {flags:#04x}")));
        }
        Ok(Self { cursor, last: 0, referred: 0, names: Seen::new(flags & 1 != 0), texts: Seen::new(flags & 2 != 0) })
    }

    /// Where the next token begins.
    pub(crate) fn at(&self) -> usize {
        self.cursor.at()
    }

    /// Where the last token began.
    pub(crate) fn last(&self) -> usize {
        self.last
    }

    pub(crate) fn is_null(&self) -> bool {
        self.cursor.peek() == Some(NULL)
    }

    pub(crate) fn is_array_end(&self) -> bool {
        self.cursor.peek() == Some(ARRAY_END)
    }

    pub(crate) fn is_object_end(&self) -> bool {
        self.cursor.peek() == Some(OBJECT_END)
    }

    pub(crate) fn array_end(&mut self) -> Result<(), Damage> {
        self.expect(ARRAY_END, "the end of a list")
    }

    pub(crate) fn object_end(&mut self) -> Result<(), Damage> {
        self.expect(OBJECT_END, "the end of an object")
    }

    fn expect(&mut self, end: u8, expected: &str) -> Result<(), Damage> {
        self.last = self.at();
        match self.cursor.byte(expected)? {
            byte if byte == end => Ok(()),
            byte => Err(self.unexpected(expected, byte)),
        }
    }

    /// Nothing more, but perhaps the mark of that.
    pub(crate) fn end(&mut self) -> Result<(), Damage> {
        match self.cursor.rest() {
            [] | [CONTENT_END] => Ok(()),
            rest => Err(Damage::new(self.at(), "the end of the content", format_args!("{} more bytes", rest.len()))),
        }
    }

    /// A list's end where none is open.
    pub(crate) fn stray_end(&self) -> Damage {
        self.unexpected("a value", ARRAY_END)
    }

    fn unexpected(&self, expected: &str, byte: u8) -> Damage {
        Damage::new(self.last, expected, format_args!("the token {byte:#04x}"))
    }

    /// The next value's first token.
    pub(crate) fn value(&mut self) -> Result<Token<'de>, Damage> {
        self.last = self.at();
        let byte = self.cursor.byte("a value")?;
        let low = usize::from(byte & 0x1f);
        Ok(match byte {
            0x01..=0x1f => Token::Text(self.earlier(self.texts.get(low - 1), low - 1)?),
            0x20 => Token::Text(""),
            NULL => Token::Null,
            0x22 | 0x23 => Token::Bool(byte == 0x23),
            0x24..=0x2a => self.number(byte)?,
            0x40..=0x5f => self.short_text(low + 1)?,
            0x60..=0x7f => self.short_text(low + 33)?,
            0x80..=0x9f => self.short_text(low + 2)?,
            0xa0..=0xbf => self.short_text(low + 34)?,
            0xc0..=0xdf => Token::Integer(numbers::zigzag(u64::from(byte & 0x1f))),
            0xe0 | 0xe4 => Token::Text(self.long_text()?),
            0xe8 => Token::Unpacked(numbers::packed_binary(&mut self.cursor)?),
            0xec..=0xef => {
                let number = self.long_reference(byte)?;
                Token::Text(self.earlier(self.texts.get(number), number)?)
            }
            0xf8 => Token::Array,
            ARRAY_END => Token::ArrayEnd,
            0xfa => Token::Object,
            0xfd => Token::Raw(self.raw_binary()?),
            _ => return Err(self.unexpected("a value", byte)),
        })
    }

    fn number(&mut self, byte: u8) -> Result<Token<'de>, Damage> {
        Ok(match byte {
            0x24 | 0x25 => Token::Integer(numbers::zigzag(numbers::vint(&mut self.cursor)?)),
            0x26 => {
                let number = numbers::big_integer(&mut self.cursor)?;
                let exact = if let Big::Exact(exact) = number { Some(exact) } else { None };
                let integer = exact.and_then(|exact| exact.try_into().ok()).map(Token::Integer);
                let unsigned = || exact.and_then(|exact| exact.try_into().ok()).map(Token::Unsigned);
                integer.or_else(unsigned).unwrap_or(Token::Float(number.near()))
            }
            0x28 => Token::Float(numbers::float(&mut self.cursor)?),
            0x29 => Token::Float(numbers::double(&mut self.cursor)?),
            0x2a => Token::Float(numbers::big_decimal(&mut self.cursor)?),
            _ => return Err(self.unexpected("a value", byte)),
        })
    }

    /// The next key of an object, or `None` at its end.
    pub(crate) fn key(&mut self) -> Result<Option<&'de str>, Damage> {
        self.last = self.at();
        let byte = self.cursor.byte("a key")?;
        Ok(Some(match byte {
            0x20 => "",
            0x30..=0x33 => {
                let number = self.long_reference(byte)?;
                self.earlier(self.names.get(number), number)?
            }
            0x34 => {
                let name = self.long_text()?;
                self.names.add(name);
                name
            }
            0x40..=0x7f => {
                let number = usize::from(byte & 0x3f);
                self.earlier(self.names.get(number), number)?
            }
            0x80..=0xbf => self.name(usize::from(byte & 0x3f) + 1)?,
            0xc0..=0xf7 => self.name(usize::from(byte & 0x3f) + 2)?,
            OBJECT_END => return Ok(None),
            _ => return Err(self.unexpected("a key", byte)),
        }))
    }

    fn long_reference(&mut self, byte: u8) -> Result<usize, Damage> {
        Ok(usize::from(byte & 3) << 8 | usize::from(self.cursor.byte("a reference")?))
    }

    /// What a reference stands for. A few bytes can stand for many, so these are counted.
    fn earlier(&mut self, found: Option<&'de str>, number: usize) -> Result<&'de str, Damage> {
        let text = found
            .ok_or_else(|| Damage::new(self.last, "a reference to an earlier text", format_args!("number {number}")))?;
        self.referred += text.len();
        if self.referred > MAX_EXPANDED {
            let expected = format!("references to at most {MAX_EXPANDED} bytes");
            return Err(Damage::new(self.last, expected, "more"));
        }
        Ok(text)
    }

    fn name(&mut self, length: usize) -> Result<&'de str, Damage> {
        let bytes = self.cursor.take(length, "a key")?;
        let name = self.utf8(bytes)?;
        self.names.add(name);
        Ok(name)
    }

    fn short_text(&mut self, length: usize) -> Result<Token<'de>, Damage> {
        let bytes = self.cursor.take(length, "text")?;
        let text = self.utf8(bytes)?;
        self.texts.add(text);
        Ok(Token::Text(text))
    }

    fn long_text(&mut self) -> Result<&'de str, Damage> {
        let bytes = self.cursor.until(TEXT_END, "the end of a text")?;
        self.utf8(bytes)
    }

    fn utf8(&self, bytes: &'de [u8]) -> Result<&'de str, Damage> {
        std::str::from_utf8(bytes).map_err(|error| {
            let begin = self.cursor.at() - bytes.len();
            Damage::new(begin + error.valid_up_to(), "UTF-8", "bytes that are none")
        })
    }

    fn raw_binary(&mut self) -> Result<&'de [u8], Damage> {
        let length = numbers::vint(&mut self.cursor)?;
        self.cursor.take(usize::try_from(length).unwrap_or(usize::MAX), "binary")
    }
}
