// How is the console asked? Its JSON, and its events for as long as the page is seen. What the answers mean is not known here.

const API = "/api/v1/";

export async function get(path) {
  const response = await fetch(API + path);
  return read(response);
}

export async function post(path, body) {
  const response = await fetch(API + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return read(response);
}

async function read(response) {
  const value = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(value.error ?? `status ${response.status}`);
  return value;
}

/**
 * Hands every update to `take`, beginning with what `begin` gives a number for. A page that nobody sees asks for nothing: it
 * begins anew when it is seen again, as it does when the connection was lost.
 */
export function follow({ begin, take, told }) {
  let source = null;
  let ended = false;
  const open = async () => {
    if (document.hidden || source) return;
    const since = await begin().catch(() => null);
    if (since === null) {
      told(ended ? "ended" : "lost");
      return again();
    }
    if (document.hidden || source) return;
    source = new EventSource(`${API}events?since=${since}`);
    source.addEventListener("open", () => {
      ended = false;
      told("live");
    });
    source.addEventListener("update", (event) => take(JSON.parse(event.data)));
    source.addEventListener("end", () => {
      ended = true;
      close();
      told("ended");
      again();
    });
    source.addEventListener("error", () => {
      close();
      if (!ended) told("lost");
      again();
    });
  };
  const close = () => {
    source?.close();
    source = null;
  };
  const again = () => setTimeout(open, 2000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
      told("resting");
    } else {
      told("connecting");
      open();
    }
  });
  told("connecting");
  open();
}
