// What is known of the run: as much as the console keeps, of log lines less. Who shows it is not known here.

const MAX_INVOCATIONS = 10_000;
export const MAX_LINES = 5_000;
const MAX_SAMPLES = 3_600;

export class Store {
  constructor() {
    this.clear();
    this.skew = 0;
    /** Since when nothing is taken. */
    this.heldAt = null;
  }

  clear() {
    this.invocations = new Map();
    this.instances = new Map();
    this.samples = [];
    /** What is waiting, running, and how much there was in all. */
    this.counts = { waiting: 0, running: 0, failed: 0 };
    this.all = 0;
    this.hasGaps = false;
  }

  /** The console's clock; it stands while nothing is taken, for what happens then is not known. */
  now() {
    return this.heldAt ?? Date.now() + this.skew;
  }

  /** It is so late at least: the clock was read when the page was loaded, and that answer took its time. */
  hear(at) {
    this.skew = Math.max(this.skew, at - Date.now());
  }

  hold(isHeld) {
    this.heldAt = isHeld ? this.now() : null;
  }

  /** What is there when the page opens; invocations come newest first. */
  load({ now, invocations, instances, samples, all }) {
    this.clear();
    this.skew = now - Date.now();
    for (const one of [...invocations].reverse()) this.invocations.set(one.key, one);
    for (const one of instances) this.instances.set(one.id, one);
    this.samples = samples.slice(-MAX_SAMPLES);
    this.all = all;
  }

  apply(update) {
    let inOrder = true;
    for (const one of update.invocations) {
      const known = this.invocations.has(one.key);
      if (!known && one.key <= this.newest()) inOrder = false;
      this.invocations.set(one.key, one);
      this.all = Math.max(this.all, one.key);
      this.hear(one.ended_at ?? one.accepted_at);
    }
    // Seldom: one that was missed, and ended later than newer ones began.
    if (!inOrder) this.invocations = new Map([...this.invocations].sort(([one], [other]) => one - other));
    for (const key of this.invocations.keys()) {
      if (this.invocations.size <= MAX_INVOCATIONS) break;
      this.invocations.delete(key);
    }
    for (const one of update.instances) {
      this.merge(one);
      this.hear(one.ended_at ?? one.started_at);
    }
    for (const sample of update.samples) {
      const at = this.samples.findLastIndex((known) => known.second <= sample.second);
      if (at >= 0 && this.samples[at].second === sample.second) this.samples[at] = sample;
      else this.samples.splice(at + 1, 0, sample);
    }
    if (this.samples.length > MAX_SAMPLES) this.samples.splice(0, this.samples.length - MAX_SAMPLES);
    this.hasGaps ||= update.missed.invocations + update.missed.lines > 0;
  }

  newest() {
    return this.all;
  }

  /** An instance comes with the phases alone that are new or have ended. */
  merge(one) {
    const known = this.instances.get(one.id)?.phases ?? [];
    const phases = [...known];
    for (const phase of one.phases) {
      const at = phases.findLastIndex((other) => other.from === phase.from && other.phase === phase.phase);
      if (at >= 0) phases[at] = phase;
      else phases.push(phase);
    }
    this.instances.set(one.id, { ...one, phases: phases.slice(-400) });
  }
}

export const hasFailed = (one) => Boolean(one.error_type || one.x_fc_status || one.status >= 500);

/** The newest lines that fit, oldest first. */
export class Lines {
  constructor() {
    this.lines = [];
  }

  set(lines) {
    this.lines = lines;
  }

  /** Whether there is room for all; else it is the newest that go. */
  prepend(lines) {
    const all = [...lines, ...this.lines];
    this.lines = all.slice(0, MAX_LINES);
    return all.length <= MAX_LINES;
  }

  append(lines) {
    const last = this.lines.at(-1)?.seq ?? 0;
    this.lines.push(...lines.filter((line) => line.seq > last));
    if (this.lines.length > MAX_LINES) this.lines.splice(0, this.lines.length - MAX_LINES);
  }
}
