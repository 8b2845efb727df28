internal import Events
internal import Learning

extension Pipeline {
  /// What the batch teaches: it waits until that is committed, for a batch that comes again must
  /// not be answered by what it taught.
  mutating func learn(_ rows: Rows, _ turn: inout Turn) {
    turn.lessons = rows.lessons.map { lesson in
      Lesson(
        position: turn.records[lesson.event].position,
        oracle: lesson.row.map { Array(rows.generated.oracle($0)) } ?? [],
        previous: lesson.previous,
        item: lesson.item
      )
    }
    turn.lessonsDropped = learner?.wait(turn.lessons) ?? 0
  }

  /// Learns what there is, before the first batch and when others were quicker, for a second or so.
  mutating func catchUp(_ turn: inout Turn) {
    for _ in 0..<16 where learner?.isBehind == true && !options.shouldStop() { exchange(&turn) }
  }

  /// Hands on what waits, and takes in, for the next batch, what all workers were taught.
  ///
  /// A log that does not answer is asked again after a while, up to half a minute.
  mutating func exchange(_ turn: inout Turn) {
    if learner == nil || monotonicMs() < learnAgainMs { return }
    timed(.learn, &turn) { pipeline, turn in
      do throws(LessonFailure) {
        if let table = try pipeline.learner?.exchange() {
          pipeline.recommender.follow(table)
          turn.learned = table
        }
        turn.learning = pipeline.learner?.trouble.map(Turn.Learning.failed) ?? .succeeded
        pipeline.learningPatience.succeeded()
      } catch {
        turn.learning = .failed(error.reason)
        let nowMs = pipeline.monotonicMs()
        if case .wait(let ms) = pipeline.learningPatience.failed(nowMs: nowMs) {
          pipeline.learnAgainMs = nowMs + Int64(ms)
        }
      }
      pipeline.learnedMs = pipeline.monotonicMs()
    }
  }

  /// Takes in what other workers were taught, now and then while there is nothing to do.
  mutating func learnIdly(_ turn: inout Turn) {
    if monotonicMs() - learnedMs >= Self.markEveryMs { exchange(&turn) }
  }
}
