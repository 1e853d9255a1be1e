//! Keeps a copy of a table (Tablestore) by its stream, which comes in CBOR, in order, and again until the function succeeds:
//! `cargo run --example table_stream --features events`, and
//! `fc-local event tablestore | curl --data-binary @- localhost:9000/invoke`.

use fc_runtime::events::{TableRecord, TableValue, TablestoreEvent};
use fc_runtime::{Context, Function, Request, Response, StatusError};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Cities by customer, of this instance.
#[derive(Default)]
struct Copy {
    cities: Mutex<HashMap<i64, String>>,
}

impl Function for Copy {
    fn initialize(_: &Context) -> anyhow::Result<Self> {
        Ok(Copy::default())
    }

    fn invoke(&self, _: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
        let event: TablestoreEvent = request.event()?;
        let mut cities = self.cities.lock().unwrap_or_else(PoisonError::into_inner);
        for record in &event.records {
            let id = id_of(record)?;
            // The same record again has the same effect.
            match (record.kind.as_str(), record.column("city")) {
                ("DeleteRow", _) => drop(cities.remove(&id)),
                (_, Some(TableValue::Text(city))) => drop(cities.insert(id, city.clone())),
                // Another column, or one that is deleted.
                (kind, _) => log::debug!("{kind} of {id} leaves the city"),
            }
        }
        Ok(format!("{} customers", cities.len()).into())
    }
}

fn id_of(record: &TableRecord) -> Result<i64, StatusError> {
    match record.primary_key("id") {
        Some(TableValue::Integer(id)) => Ok(*id),
        other => Err(StatusError::new(400, format!("id: expected a number, found {other:?}"))),
    }
}

fn main() {
    fc_runtime::logger::init();
    fc_runtime::serve::<Copy>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fc_runtime::testing::Call;
    use serde_json::json;

    fn change(kind: &str, id: i64, city: &str) -> TablestoreEvent {
        let event = json!({"Records": [{
            "Type": kind,
            "PrimaryKey": [{"ColumnName": "id", "Value": id}],
            "Columns": [{"Type": "Put", "ColumnName": "city", "Value": city}],
        }]});
        serde_json::from_value(event).expect("an event")
    }

    #[test]
    fn rows_come_and_go_and_may_come_again() {
        let copy = Copy::default();
        for (kind, id, customers) in [
            ("PutRow", 1 << 60, 1),
            ("PutRow", 2, 2),
            ("PutRow", 2, 2),
            ("DeleteRow", 2, 1),
            ("DeleteRow", 2, 1),
        ] {
            let response = Call::event(&change(kind, id, "London")).send(&copy);
            assert_eq!(response.text(), format!("{customers} customers"), "{kind} {id}");
        }
        assert_eq!(Call::event("{\"Records\":[{\"Type\":\"PutRow\"}]}").send(&copy).status(), 404);
    }
}
