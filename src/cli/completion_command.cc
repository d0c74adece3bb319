// jammi completion bash|zsh|fish: scripts that are made of the commands themselves.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "cli/command.h"
#include "command_line/lists.h"

namespace jammi {
namespace {

struct Option {
  std::string name;  // with its dashes
  std::string description;
  bool takes_value = false;
  std::vector<std::string> values;  // those that are known
};
struct Node {
  std::string path;                                           // "jammi sources list"
  std::vector<std::pair<std::string, std::string>> commands;  // with their descriptions
  std::vector<Option> options;
};

// "table|json  (default: table)" in the help tells the words that may stand there.
std::vector<std::string> ValuesOf(const CLI::Option& option) {
  const std::string text = option.get_option_text();
  const auto list = std::string_view(text).substr(0, text.find(' '));
  if (list.find('|') == std::string_view::npos) return {};
  std::vector<std::string> values;
  for (const std::string_view word : SplitList(list, '|')) {
    if (std::ranges::all_of(word, [](char c) { return c >= 'a' && c <= 'z'; })) values.emplace_back(word);
  }
  return values;
}

std::vector<Option> OptionsOf(const CLI::App& app) {
  std::vector<Option> options;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      options.push_back({.name = "--" + name,
                         .description = option->get_description(),
                         .takes_value = option->get_items_expected_max() > 0,
                         .values = ValuesOf(*option)});
    }
  }
  return options;
}

// The program's own options may stand behind every command that takes them.
void Collect(const CLI::App& app, const std::string& path, const std::vector<Option>& inherited,
             std::vector<Node>& nodes) {
  Node node{.path = path, .commands = {}, .options = OptionsOf(app)};
  if (app.get_fallthrough()) node.options.insert(node.options.end(), inherited.begin(), inherited.end());
  const auto commands = app.get_subcommands(nullptr);
  for (const CLI::App* command : commands) {
    node.commands.emplace_back(command->get_name(), command->get_description());
    for (const auto& alias : command->get_aliases())
      node.commands.emplace_back(alias, command->get_description());
  }
  nodes.push_back(std::move(node));
  for (const CLI::App* command : commands) {
    Collect(*command, path + " " + command->get_name(), inherited, nodes);
    for (const auto& alias : command->get_aliases()) Collect(*command, path + " " + alias, inherited, nodes);
  }
}

std::vector<Node> NodesOf(const CLI::App& app) {
  std::vector<Option> inherited;
  for (const Option& option : OptionsOf(app)) {
    if (option.takes_value) inherited.push_back(option);
  }
  std::vector<Node> nodes;
  Collect(app, app.get_name(), inherited, nodes);
  return nodes;
}

std::string Words(const Node& node) {
  std::vector<std::string> words;
  for (const auto& [name, description] : node.commands) words.push_back(name);
  for (const Option& option : node.options) words.push_back(option.name);
  return fmt::format("{}", fmt::join(words, " "));
}

std::string ValueOptions(const std::vector<Node>& nodes) {
  std::vector<std::string> names;
  for (const Node& node : nodes) {
    for (const Option& option : node.options) {
      if (option.takes_value) names.push_back(option.name);
    }
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return fmt::format("{}", fmt::join(names, " "));
}

void PrintBash(const std::vector<Node>& nodes, std::ostream& out) {
  out << "_jammi() {\n"
         "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" path=jammi skip= "
         "i word\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=\"${COMP_WORDS[i]}\"\n"
         "    if [[ $skip ]]; then skip=; continue; fi\n"
         "    case \"$path $word\" in\n";
  for (const Node& node : nodes) {
    if (node.path != "jammi") out << fmt::format("      '{}') path=\"$path $word\" ;;\n", node.path);
  }
  out << fmt::format(
      "      *) [[ \" {} \" == *\" $word \"* ]] && skip=1 ;;\n"
      "    esac\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  if [[ $skip ]]; then\n"
      "    case \"$path $before\" in\n",
      ValueOptions(nodes));
  for (const Node& node : nodes) {
    for (const Option& option : node.options) {
      if (option.values.empty()) continue;
      out << fmt::format("      '{} {}') COMPREPLY=($(compgen -W '{}' -- \"$cur\")) ;;\n", node.path,
                         option.name, fmt::join(option.values, " "));
    }
  }
  out << "    esac\n"
         "    return\n"
         "  fi\n"
         "  case \"$path\" in\n";
  for (const Node& node : nodes)
    out << fmt::format("    '{}') COMPREPLY=($(compgen -W '{}' -- \"$cur\")) ;;\n", node.path, Words(node));
  out << "  esac\n"
         "}\n"
         "complete -o default -F _jammi jammi\n";
}

std::string FishText(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

void PrintFish(const std::vector<Node>& nodes, std::ostream& out) {
  out << "function __jammi_at\n"
         "  set -l path jammi\n"
         "  set -l skip\n"
         "  for word in (commandline -opc)[2..-1]\n"
         "    if test -n \"$skip\"\n"
         "      set skip\n"
         "      continue\n"
         "    end\n"
         "    switch \"$path $word\"\n";
  for (const Node& node : nodes) {
    if (node.path != "jammi")
      out << fmt::format("      case '{}'\n        set path \"$path $word\"\n", node.path);
  }
  out << fmt::format(
      "      case '*'\n"
      "        contains -- $word {}; and set skip 1\n"
      "    end\n"
      "  end\n"
      "  test \"$path\" = \"$argv\"\n"
      "end\n"
      "complete -c jammi -f\n",
      ValueOptions(nodes));
  for (const Node& node : nodes) {
    const auto at = fmt::format("complete -c jammi -n '__jammi_at {}'", node.path);
    for (const auto& [name, description] : node.commands)
      out << fmt::format("{} -a {} -d {}\n", at, name, FishText(description));
    for (const Option& option : node.options) {
      out << fmt::format("{} -l {} -d {}", at, option.name.substr(2), FishText(option.description));
      if (option.takes_value) out << (option.values.empty() ? " -r -F" : " -x");
      if (!option.values.empty()) out << fmt::format(" -a '{}'", fmt::join(option.values, " "));
      out << '\n';
    }
  }
}

}  // namespace

void AddCompletionCommand(CLI::App& app, Program& program) {
  auto* completion = app.add_subcommand("completion", "Print what makes a shell complete these commands");
  completion->require_subcommand(1);
  const auto add = [&](const char* shell, const char* description, auto print) {
    completion->add_subcommand(shell, description)->callback([&app, &program, print] {
      program.action = [&app, &program, print] {
        print(NodesOf(app), program.out);
        return Exit::kDone;
      };
    });
  };
  add("bash", "For bash: source <(jammi completion bash)", PrintBash);
  add("zsh", "For zsh: source <(jammi completion zsh)",
      [](const std::vector<Node>& nodes, std::ostream& out) {
        out << "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n";
        PrintBash(nodes, out);
      });
  add("fish", "For fish: jammi completion fish | source", PrintFish);
}

}  // namespace jammi
