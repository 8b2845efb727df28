import Network

/// Reads a model, or says why it cannot and what to do about it.
func loadModel(
  _ directory: String,
  givenBy option: String = "--model"
) throws(ModelFailure) -> Model {
  do throws(NetworkFailure) {
    return try ModelDirectory.load(directory)
  } catch {
    throw ModelFailure(description: "\(error.reason); \(error.advice(directoryBy: option))")
  }
}

/// Why a command has no model.
struct ModelFailure: Error, CustomStringConvertible {
  let description: String
}
