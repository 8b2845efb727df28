package import Foundation
package import FoundationXML

/// What an SVG file is made of; reading stops at the first thing that is not XML.
package final class SVGReader: NSObject, XMLParserDelegate {
  package typealias Element = (name: String, attributes: [String: String], text: String)

  package private(set) var elements: [Element] = []
  package private(set) var readable = false
  private var open: Int?

  package init(_ svg: String) {
    super.init()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    readable = parser.parse()
  }

  package func parser(
    _ parser: XMLParser,
    didStartElement name: String,
    namespaceURI: String?,
    qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements.append((name, attributes, ""))
    open = elements.count - 1
  }

  package func parser(
    _ parser: XMLParser,
    didEndElement name: String,
    namespaceURI: String?,
    qualifiedName: String?
  ) { open = nil }

  package func parser(_ parser: XMLParser, foundCharacters text: String) {
    if let open { elements[open].text += text }
  }

  package func all(_ name: String) -> [Element] {
    elements.filter { $0.name == name }
  }

  package func texts(_ kind: String) -> [String] {
    elements.filter { $0.attributes["class"] == kind }.map(\.text)
  }

  package func count(_ kind: String) -> Int { texts(kind).count }
}
