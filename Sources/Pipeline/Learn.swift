internal import Events
internal import Learning

extension Pipeline {
  /// Hands on what the batch teaches, and takes in, for the next one, what all workers were taught.
  ///
  /// Before it is published: of a batch that comes again, lessons are learned once. A log that does
  /// not answer holds nothing up.
  mutating func learn(_ rows: Rows, _ turn: inout Turn) {
    turn.lessons = rows.lessons.map { lesson in
      Lesson(
        position: turn.records[lesson.event].position,
        oracle: lesson.row.map { Array(rows.generated.oracle($0)) } ?? [],
        previous: lesson.previous,
        item: lesson.item
      )
    }
    exchange(&turn)
  }

  /// Takes in what other workers were taught, now and then while there is nothing to do.
  mutating func learnIdly(_ turn: inout Turn) {
    if monotonicMs() - learnedMs >= Self.markEveryMs { exchange(&turn) }
  }

  private mutating func exchange(_ turn: inout Turn) {
    if learner == nil { return }
    timed(.learn, &turn) { pipeline, turn in
      pipeline.learnedMs = pipeline.monotonicMs()
      do throws(LessonFailure) {
        if let table = try pipeline.learner?.exchange(turn.lessons) {
          pipeline.recommender.follow(table)
          turn.learned = table
        }
      } catch {
        turn.learningFailure = error.reason
      }
    }
  }
}
