//! Values of the types, made by chance: each is the same after it was written and read.

use crate::samples::{SAMPLES, sample};
use serde_json::{Value, json};

const ROUNDS: u32 = 200;

struct Random(u64);

impl Random {
    /// A number below `limit` (xorshift).
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn text(&mut self) -> String {
        let chars = ['a', '7', '"', '\\', '/', '\0', '\u{7f}', 'ä', '\u{2028}', '\u{1f600}', '{', '[', ':'];
        (0..self.below(6)).map(|_| chars[self.below(chars.len() as u64) as usize]).collect()
    }

    fn number(&mut self) -> i64 {
        match self.below(5) {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => (1 << 53) + 1,
            3 => -1,
            _ => self.below(1 << 40) as i64,
        }
    }

    /// Another value of the same kind, sometimes in its other form, sometimes none at all.
    fn change(&mut self, value: &mut Value) {
        match value {
            Value::Array(values) => {
                if self.below(8) == 0 {
                    values.truncate(self.below(2) as usize);
                }
                values.iter_mut().for_each(|value| self.change(value));
            }
            Value::Object(fields) => {
                fields.values_mut().for_each(|value| self.change(value));
                if self.below(4) == 0 {
                    let unknown = [json!(null), json!(0.1), json!(u64::MAX), json!({"a": [self.number()]})];
                    let name = format!("x-{}", self.text());
                    fields.insert(name, unknown[self.below(4) as usize].clone());
                }
                if let Some(name) = fields.keys().nth(self.below(12) as usize).cloned()
                    && self.below(4) == 0
                {
                    if self.below(2) == 0 { drop(fields.remove(&name)) } else { fields[&name] = Value::Null }
                }
            }
            Value::Number(_) if self.below(3) == 0 => *value = self.number().to_string().into(),
            Value::Number(_) => *value = self.number().into(),
            Value::Bool(_) if self.below(3) == 0 => *value = "true".into(),
            Value::Bool(flag) => *flag = self.below(2) == 0,
            Value::String(text) if text.parse::<i64>().is_err() && text != "true" => *text = self.text(),
            _ => {}
        }
    }
}

#[test]
fn a_value_is_the_same_after_it_was_written_and_read() {
    let (mut random, mut read, mut all) = (Random(0x5eed), 0, 0);
    for (name, rewrite, _) in SAMPLES {
        for _ in 0..ROUNDS {
            let mut event = sample(name);
            random.change(&mut event);
            all += 1;
            // What makes the event may have gone; `rewrite` compares the values.
            read += u32::from(rewrite(event.to_string().as_bytes()).is_ok());
        }
    }
    assert!(read > all / 2, "{read} of {all} were events");
}
