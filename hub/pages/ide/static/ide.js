// Controls -> headers of every request that GraphiQL sends; introspection is asked with them too, so that the schema
// shown is the caller's own view. Nothing is kept: GraphiQL's storage is replaced by one that forgets with the page.
(function () {
  "use strict";
  const form = document.getElementById("who");
  const status = document.getElementById("status");
  const control = (name) => document.getElementById(name);
  const memory = new Map();
  const storage = {
    getItem: (key) => (memory.has(key) ? memory.get(key) : null),
    setItem: (key, value) => void memory.set(key, String(value)),
    removeItem: (key) => void memory.delete(key),
    clear: () => memory.clear(),
    get length() { return memory.size; },
  };
  const first = "# 您的单位与用途 who you are, and for what\n{\n  me { unitNameZh key purpose }\n}\n";
  const root = document.getElementById("editor");

  function headers() {
    const found = {
      "Content-Type": "application/json",
      "Accept": "application/graphql-response+json",
      "Authorization": "Bearer " + control("token").value.trim(),
      "Hub-Purpose": control("purpose").value,
      "Hub-On-Denied": control("denied").value,
    };
    const reference = control("case").value.trim();
    if (reference) {
      // A header holds bytes: the characters of the reference travel as UTF-8.
      found["Hub-Case"] = String.fromCharCode(...new TextEncoder().encode(reference));
    }
    return found;
  }

  function say(text, wrong) {
    status.textContent = text;
    status.classList.toggle("wrong", Boolean(wrong));
  }

  async function ask(parameters) {
    const reply = await fetch("/graphql", {
      method: "POST", headers: headers(), body: JSON.stringify(parameters),
      credentials: "omit", redirect: "error", cache: "no-store",
    });
    const answer = await reply.json();
    const error = (answer.errors || [])[0];
    if (reply.ok) {
      say("已连接 connected");
    } else if (error) {
      say("未获答复 refused: " + error.extensions.code + " · " + error.message, true);
    }
    return answer;
  }

  function open() {
    ReactDOM.unmountComponentAtNode(root);
    ReactDOM.render(React.createElement(GraphiQL, {
      fetcher: ask, storage, defaultQuery: first, shouldPersistHeaders: false, isHeadersEditorEnabled: false,
    }), root);
  }

  function needCase() {
    const chosen = control("purpose").selectedOptions[0];
    control("case").required = Boolean(chosen && chosen.dataset.case !== undefined);
  }

  control("purpose").addEventListener("change", needCase);
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    needCase();
    if (form.reportValidity()) {
      open();
    }
  });
})();
