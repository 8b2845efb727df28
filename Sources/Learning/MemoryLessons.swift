internal import Events
internal import Synchronization

/// A log of lessons in this process, for all its pipelines.
package final class MemoryLessons: LessonLog, Sendable {
  private struct State {
    var log: [Lesson] = []
    /// After how many lessons of all the log begins.
    var kept = 0
    var state: [UInt8]?
    var marks: [Partition: Int64] = [:]
  }

  private final class Book: Sendable { let state = Mutex(State()) }

  private let book: Book
  /// Lessons told of.
  private let read = Mutex(-1)

  package init() { book = Book() }

  /// Another reader of the same log.
  package init(sharing other: MemoryLessons) { book = other.book }

  package func exchange(_ lessons: [Lesson]) -> LessonNews {
    read.withLock { read in
      book.state.withLock { book in
        for lesson in lessons {
          guard let position = lesson.position, book.marks[position.home] ?? -1 < position.offset
          else { continue }
          book.marks[position.home] = position.offset
          book.log.append(lesson)
        }
        var news = LessonNews(kept: book.kept, total: book.kept + book.log.count)
        if read < max(book.kept, 0) {
          read = book.kept
          news.start = book.state.map(LessonNews.Start.state) ?? .beginning
        }
        news.lessons = Array(book.log[(read - book.kept)...])
        read = news.total
        return news
      }
    }
  }

  package func beginAnew() { read.withLock { $0 = -1 } }

  package func offer(_ state: [UInt8], after number: Int) {
    book.state.withLock { book in
      if number <= book.kept || number > book.kept + book.log.count { return }
      book.log.removeFirst(number - book.kept)
      book.kept = number
      book.state = state
    }
  }
}
