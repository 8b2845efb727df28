/// How good one recommender's answers are: example by example, and as a whole.
package struct Quality: Sendable {
  package let answers: Answers
  package let measures: ListMeasures

  /// - Parameters:
  ///   - answers: One for each example.
  ///   - facts: The examples.
  ///   - embeddings: The items' vectors, for the distance within lists.
  package init(_ answers: Answers, _ facts: ExampleFacts, embeddings: ItemEmbeddings? = nil) {
    precondition(answers.ranks.count == facts.count, "one answer an example")
    self.answers = answers
    measures = ListMeasures(answers, facts, embeddings: embeddings)
  }

  /// The value of a metric for each example.
  package func values(_ metric: RankMetric) -> [Double] {
    answers.ranks.map { metric.value(rank: $0) }
  }

  /// The value of a metric for each of the examples at `indices`.
  package func values(_ metric: RankMetric, at indices: [Int]) -> [Double] {
    indices.map { metric.value(rank: answers.ranks[$0]) }
  }
}
