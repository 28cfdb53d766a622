// @ts-nocheck Browser code: the project's types are those of Node.
/**
 * A message's tree (mdast, made by the bridge) as DOM. Builds nodes and sets text only: nothing that an agent writes is
 * ever parsed as HTML, no image is made, and a link is one only when it is plain web or mail.
 */

/** @param {object[]} blocks @returns {DocumentFragment} */
export function renderBlocks(blocks) {
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks.map(renderNode));
  return fragment;
}

const PLAIN = { paragraph: "p", blockquote: "blockquote", strong: "strong", emphasis: "em", delete: "s" };

function renderNode(node) {
  switch (node.type) {
    case "text":
    case "html":
      return document.createTextNode(node.value);
    case "break":
      return document.createElement("br");
    case "thematicBreak":
      return document.createElement("hr");
    case "inlineCode":
      return element("code", {}, [document.createTextNode(node.value)]);
    case "code":
      return element("pre", { tabIndex: 0 }, [element("code", {}, [document.createTextNode(node.value)])]);
    case "heading":
      return element(`h${Math.min(5, 2 + node.depth)}`, {}, children(node));
    case "list": {
      const list = element(node.ordered ? "ol" : "ul", {}, children(node));
      if (node.ordered && node.start) list.start = node.start;
      return list;
    }
    case "listItem": {
      const mark =
        typeof node.checked === "boolean" ? [document.createTextNode(node.checked ? "☑ " : "☐ ")] : [];
      // A tight item's paragraph adds no space.
      const inner = node.children.flatMap((child) =>
        child.type === "paragraph" && !node.spread ? children(child) : [renderNode(child)],
      );
      return element("li", { className: mark.length > 0 ? "task" : "" }, [...mark, ...inner]);
    }
    case "table": {
      const rows = node.children.map((row, index) =>
        element(
          "tr",
          {},
          row.children.map((cell) => element(index === 0 ? "th" : "td", {}, children(cell))),
        ),
      );
      return element("div", { className: "table", tabIndex: 0 }, [element("table", {}, rows)]);
    }
    case "link": {
      if (!/^(https?:\/\/|mailto:)/i.test(node.url)) return element("span", {}, children(node));
      return element(
        "a",
        { href: node.url, target: "_blank", rel: "noopener noreferrer", title: node.url },
        children(node),
      );
    }
    default:
      return element(PLAIN[node.type] ?? "span", {}, children(node));
  }
}

function children(node) {
  return (node.children ?? []).map(renderNode);
}

function element(name, properties, content) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...content);
  return made;
}
