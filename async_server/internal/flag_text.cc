#include "async_server/internal/flag_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string_view>
#include <vector>

#include "async_server/create_and_run_compiler_gym_service.h"
#include "async_server/internal/flag_table.h"
#include "async_server/version.h"

namespace compiler_gym::internal {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kMeaningColumn = 36;

struct ExitStatus {
  ServiceExitStatus status;
  std::string_view meaning;
};

constexpr ExitStatus kExitStatuses[] = {
    {kExitOk, "stopped by a signal, or by its owner's end, with no session open"},
    {kExitStartFailed, "bad arguments, or it could not start; stderr says why"},
    {kExitSessionsOpen, "stopped by a signal, or by its owner's end, with sessions open"},
    {kExitShutdownFailed, "the shutdown of the compiler's context failed"},
    {kExitForced,
     "something hung after a signal and was left behind, 5 s after --drain_grace at the latest; "
     "the "
     "context's shutdown ran if it could"},
};

std::vector<const Flag*> flags_of(FlagGroup group) {
  std::vector<const Flag*> flags;
  for (const Flag& flag : service_flags()) {
    if (flag.group == group) {
      flags.push_back(&flag);
    }
  }
  return flags;
}

std::string argument(const Flag& flag) {
  return flag.is_switch ? "[" + flag.argument + "]" : flag.argument;
}

std::string synopsis(const Flag& flag) {
  return flag.argument.empty() ? "--" + flag.name
                               : fmt::format("--{} {}", flag.name, argument(flag));
}

std::string meaning(const Flag& flag) {
  return flag.repeatable ? flag.meaning + "; may be given several times" : flag.meaning;
}

std::string meaning_and_default(const Flag& flag) {
  return flag.standard.empty() ? meaning(flag)
                               : fmt::format("{} (default: {})", meaning(flag), flag.standard);
}

// One flag, its meaning in a column of its own.
void print_flag(std::ostream& out, const Flag& flag) {
  std::string line = "  " + synopsis(flag);
  if (line.size() >= kMeaningColumn) {
    out << line << '\n';
    line.clear();
  }
  std::istringstream words(meaning_and_default(flag));
  bool at_start = true;
  for (std::string word; words >> word; at_start = false) {
    if (!at_start && line.size() + 1 + word.size() > kColumns) {
      out << line << '\n';
      line.clear();
      at_start = true;
    }
    if (at_start) {
      line.resize(kMeaningColumn, ' ');
    } else {
      line += ' ';
    }
    line += word;
  }
  out << line << '\n';
}

void print_group(std::ostream& out, const char* title, FlagGroup group) {
  out << '\n' << title << ":\n";
  for (const Flag* flag : flags_of(group)) {
    print_flag(out, *flag);
  }
}

// ------------------------------------------------------------------------------------------ the page

// Roff takes '-' for a hyphen, '\' for its own, and a line that begins with '.' or '\'' for a request.
std::string roff(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '-') {
      escaped += "\\-";
    } else if (c == '\\') {
      escaped += "\\e";
    } else {
      if ((c == '.' || c == '\'') && (escaped.empty() || escaped.back() == '\n')) {
        escaped += "\\&";
      }
      escaped += c;
    }
  }
  return escaped;
}

void print_roff(std::ostream& out, const char* title, FlagGroup group) {
  out << ".SS " << title << '\n';
  for (const Flag* flag : flags_of(group)) {
    out << ".TP\n\\fB" << roff("--" + flag->name) << "\\fR";
    if (!flag->argument.empty()) {
      out << " \\fI" << roff(argument(*flag)) << "\\fR";
    }
    out << '\n' << roff(meaning_and_default(*flag)) << ".\n";
  }
}

// ---------------------------------------------------------------------------------------- the table

// A bar would end the cell, and what stands between angle brackets would be HTML.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|' || c == '<') {
      escaped += '\\';
    }
    escaped += c;
  }
  return escaped;
}

void print_markdown(std::ostream& out, const char* title, FlagGroup group) {
  out << "\n## " << title << "\n\n| flag | default | meaning |\n|---|---|---|\n";
  for (const Flag* flag : flags_of(group)) {
    out << "| `" << synopsis(*flag) << "` | " << cell(flag->standard)
        << (flag->standard.empty() ? "| " : " | ") << cell(meaning(*flag)) << " |\n";
  }
}

}  // namespace

std::string help_text(const std::string& usage) {
  std::ostringstream out;
  out << usage << '\n';
  print_group(out, "Flags", FlagGroup::kCommon);
  out << "\n--help-all has " << flags_of(FlagGroup::kAdvanced).size() << " more.\n";
  return out.str();
}

std::string full_help_text(const std::string& usage) {
  std::ostringstream out;
  out << usage << '\n';
  print_group(out, "Common flags", FlagGroup::kCommon);
  print_group(out, "Advanced flags", FlagGroup::kAdvanced);
  return out.str();
}

std::string man_page(const std::string& program, const std::string& usage) {
  std::string title = program;
  std::ranges::transform(title, title.begin(), [](unsigned char c) { return std::toupper(c); });
  std::ostringstream out;
  out << ".TH \"" << roff(title) << "\" 1 \"\" \"CompilerGymService " << service_version()
      << "\" \"User Commands\"\n"
      << ".SH NAME\n"
      << roff(program) << " \\- a compiler as a service\n"
      << ".SH SYNOPSIS\n\\fB" << roff(program) << "\\fR [\\fIflags\\fR]\n"
      << ".SH DESCRIPTION\n"
      << roff(usage) << "\n.PP\n"
      << roff(
             "It serves CompilerGym's wire protocol until SIGTERM or SIGINT drains it: running "
             "requests may finish, new ones are refused.")
      << "\n.SH OPTIONS\n"
      << roff("As --flag=value or --flag value. Sizes in bytes take a suffix: K, M, G or T.")
      << '\n';
  print_roff(out, "Common flags", FlagGroup::kCommon);
  print_roff(out, "Advanced flags", FlagGroup::kAdvanced);
  out << ".SH \"EXIT STATUS\"\n";
  for (const ExitStatus& exit : kExitStatuses) {
    out << ".TP\n" << exit.status << '\n' << roff(exit.meaning) << ".\n";
  }
  out << ".SH FILES\n"
      << ".TP\n\\fIworking_dir\\fR/port.txt, \\fIworking_dir\\fR/pid.txt\n"
      << "Written once the service can be reached.\n"
      << ".TP\n\\fIworking_dir\\fR/logs/\n"
      << "What the service has logged.\n";
  return out.str();
}

std::string flags_markdown() {
  std::ostringstream out;
  out << "# Flags and exit statuses of a service\n\n"
         "<!-- Made by the --help-markdown of every service; a test compares the two. -->\n\n"
         "Every service takes these, as `--flag=value` or `--flag value`; sizes in bytes take a "
         "suffix: K, M, G or T.\n"
         "[operating.md](operating.md) says how they go together. `--help-man` prints the page for "
         "man(1), `--help-markdown` this one.\n";
  print_markdown(out, "Common flags (`--help`)", FlagGroup::kCommon);
  print_markdown(out, "Advanced flags (`--help-all`)", FlagGroup::kAdvanced);
  out << "\n## Exit statuses\n\n| status | meaning |\n|--:|---|\n";
  for (const ExitStatus& exit : kExitStatuses) {
    out << "| " << exit.status << " | " << exit.meaning << " |\n";
  }
  return out.str();
}

}  // namespace compiler_gym::internal
