//! {{name}}: called with what {{what}} sends.

use fc_runtime::events::{{imports}};
use fc_runtime::{Context, Request, Response};

fn main() {
    fc_runtime::logger::init();
    fc_runtime::serve_fn(handle)
}

/// It may be called with the same event again: the documentation of the type says what to tell that by.
fn handle(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
    let event: {{type}} = request.event()?;
{{body}}
}

#[cfg(test)]
mod tests {
    use super::*;
    use fc_runtime::testing::Call;

    #[test]
    fn the_sample_is_handled() {
        let response = Call::event(include_str!("../event.json")).send(&handle);
        assert_eq!({{answered}});
        assert_eq!(response.status(), 200);
    }
}
