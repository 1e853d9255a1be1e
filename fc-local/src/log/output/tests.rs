use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const WATCHDOG: Duration = Duration::from_secs(20);

/// A reader that takes a piece whenever the test lets it, all when it lets go, and then is gone.
struct Reader {
    taken: Sender<Vec<u8>>,
    permits: Receiver<Permit>,
    is_free: bool,
}

#[derive(PartialEq)]
enum Permit {
    Piece,
    All,
    Gone,
}

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_free {
            match self.permits.recv() {
                Ok(Permit::Piece) => {}
                Ok(Permit::All) => self.is_free = true,
                Ok(Permit::Gone) | Err(_) => return Err(ErrorKind::BrokenPipe.into()),
            }
        }
        let _ = self.taken.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Scene {
    output: Arc<Output>,
    permits: Sender<Permit>,
    taken: Receiver<Vec<u8>>,
}

fn scene() -> Scene {
    let (permits, permitted) = channel();
    let (taking, taken) = channel();
    let reader = Reader { taken: taking, permits: permitted, is_free: false };
    Scene { output: Output::new(Box::new(reader), false), permits, taken }
}

impl Scene {
    fn permit(&self, permit: Permit) {
        self.permits.send(permit).expect("a reader");
    }

    /// What the reader takes until it ends so.
    fn read_until(&self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let piece =
                self.taken.recv_timeout(WATCHDOG).unwrap_or_else(|_| panic!("no {end:?} in {text:?}"));
            text.push_str(&String::from_utf8(piece).expect("text"));
        }
        text
    }
}

#[test]
fn lines_are_written_in_the_order_in_which_they_came() {
    let scene = scene();
    scene.permit(Permit::All);
    for number in 0..1000 {
        if number % 3 == 0 {
            scene.output.push_later(&format!("{number}\n"))
        } else {
            scene.output.push(&format!("{number}\n"))
        }
    }
    scene.output.flush();
    let wanted: String = (0..1000).map(|number| format!("{number}\n")).collect();
    assert_eq!(scene.read_until("\n999\n"), wanted);
}

#[test]
fn a_reader_that_stands_still_costs_lines_that_are_counted_and_no_time() {
    let scene = scene();
    let line = |number: usize| format!("{number:>99}\n");
    let pushed = 10 * MAX_QUEUED / 100;
    scene.output.push(&line(0));
    let is_waiting = |state: &mut State| !state.is_writing;
    let waited = scene.output.changed.wait_timeout_while(scene.output.state.lock(), WATCHDOG, is_waiting);
    assert!(waited.is_writing && waited.queued.is_empty());
    drop(waited);
    // Nobody reads: if a push waited for that, this would not end.
    (1..pushed).for_each(|number| scene.output.push(&line(number)));
    assert!(scene.output.state.lock().queued.capacity() <= 2 * MAX_QUEUED);
    scene.permit(Permit::All);
    let text = scene.read_until("stood still\n");
    let lines: Vec<&str> = text.lines().collect();
    let (last, written) = lines.split_last().expect("lines");
    assert_eq!(**last, dropped((pushed - written.len()) as u64));
    assert_eq!(written.len(), 1 + MAX_QUEUED / 100);
    // What was written is the beginning, whole and in order.
    for (number, found) in written.iter().enumerate() {
        assert_eq!(format!("{found}\n"), line(number));
    }
    scene.output.push("goes on\n");
    assert_eq!(scene.read_until("goes on\n"), "goes on\n");
}

#[test]
fn behind_lines_that_were_dropped_comes_none_before_it_is_said() {
    let mut state_of = scene();
    let state = &mut Arc::get_mut(&mut state_of.output).expect("no writer yet").state;
    let mut state = state.lock();
    state.append(&"x".repeat(MAX_QUEUED + 1));
    state.append("short\n");
    assert_eq!((state.dropped, state.queued.len()), (2, 0));
}

#[test]
fn what_is_not_urgent_waits_for_a_flush_or_for_more_of_it() {
    let scene = scene();
    scene.permit(Permit::All);
    scene.output.push_later("later\n");
    assert!(!scene.output.state.lock().has_writer, "nobody was woken");
    scene.output.flush();
    assert_eq!(scene.read_until("later\n"), "later\n");
    let line = format!("{}\n", "x".repeat(MAX_PENDING));
    scene.output.push_later(&line);
    assert_eq!(scene.read_until("x\n"), line);
}

#[test]
fn a_reader_that_is_gone_ends_waits_and_costs_nothing_more() {
    let scene = scene();
    scene.permit(Permit::Gone);
    scene.output.push("lost\n");
    scene.output.finish(WATCHDOG);
    for _ in 0..3 {
        scene.output.push("lost\n");
        assert_eq!(scene.output.write(b"lost").expect_err("no reader").kind(), ErrorKind::BrokenPipe);
        assert_eq!(scene.output.wait().expect_err("no reader").kind(), ErrorKind::BrokenPipe);
    }
    assert_eq!(scene.output.state.lock().queued.capacity(), 0);
}

#[test]
fn an_answer_waits_for_its_reader_and_none_of_it_is_lost() {
    let scene = scene();
    let answer: String = (0..500_000).map(|number| format!("{number}\n")).collect();
    thread::scope(|scope| {
        let writing =
            scope.spawn(|| scene.output.write(answer.as_bytes()).and_then(|()| scene.output.wait()));
        scene.permit(Permit::Piece);
        assert_eq!(scene.taken.recv_timeout(WATCHDOG).expect("a piece"), answer.as_bytes()[..PIECE]);
        scene.permit(Permit::All);
        assert_eq!(scene.read_until("\n499999\n"), answer[PIECE..]);
        writing.join().expect("no panic").expect("a reader");
    });
}

#[test]
fn an_answer_that_nobody_reads_is_interrupted() {
    let scene = scene();
    thread::scope(|scope| {
        let writing = scope.spawn(|| scene.output.write(&vec![b'x'; MAX_QUEUED]));
        scene.permit(Permit::Piece);
        scene.taken.recv_timeout(WATCHDOG).expect("a piece");
        scene.output.interrupt();
        let error = writing.join().expect("no panic").expect_err("interrupted");
        assert_eq!(error.kind(), ErrorKind::Other);
    });
    assert_eq!(scene.output.wait().expect_err("interrupted").kind(), ErrorKind::Other);
}

#[test]
fn the_end_waits_for_a_reader_that_takes_something_and_not_for_one_that_does_not() {
    let scene = scene();
    scene.output.push(&format!("{}\n", "x".repeat(2 * PIECE)));
    scene.output.finish(Duration::ZERO); // ends, although nobody reads
    thread::scope(|scope| {
        let finishing = scope.spawn(|| scene.output.finish(WATCHDOG));
        for _ in 0..3 {
            scene.permit(Permit::Piece);
            scene.taken.recv_timeout(WATCHDOG).expect("a piece");
        }
        finishing.join().expect("no panic");
    });
    assert!(scene.output.state.lock().is_written());
}

#[test]
fn without_a_thread_the_end_writes_what_is_queued_itself() {
    let scene = scene();
    scene.permit(Permit::All);
    scene.output.state.lock().append("queued\n");
    scene.output.write_queued();
    assert_eq!(scene.read_until("\n"), "queued\n");
}

#[test]
fn a_descriptor_that_another_program_made_non_blocking_is_waited_for() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("non-blocking");
    let output = Output::new(Box::new(Descriptor(File::from(OwnedFd::from(writer)))), false);
    let text = format!("{}\n", "x".repeat(MAX_QUEUED - 1));
    output.push(&text);
    let (sender, read) = channel();
    let mut reader = reader;
    thread::spawn(move || {
        let mut all = vec![0; MAX_QUEUED];
        let result = io::Read::read_exact(&mut reader, &mut all);
        let _ = sender.send(result.map(|()| all)); // the test may be over
    });
    let all = read.recv_timeout(WATCHDOG).expect("an end").expect("all of it");
    assert!(all == text.as_bytes());
}
