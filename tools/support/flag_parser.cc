#include "tools/support/flag_parser.h"

#include <boost/program_options.hpp>
#include <sstream>
#include <utility>

namespace compiler_gym {
namespace {

namespace po = boost::program_options;
using Texts = std::vector<std::string>;

constexpr unsigned kColumns = 100;
constexpr unsigned kDescriptionColumns = 66;

std::string without_dashes(const std::string& flag) {
  const std::size_t first = std::min(flag.find_first_not_of('-'), flag.size());
  return flag.substr(first, flag.find('=') - first);
}

}  // namespace

FlagParser::FlagParser(std::string synopsis) : synopsis_(std::move(synopsis)) {}

void FlagParser::add_heading(const char* title) {
  groups_.emplace_back(title, kColumns, kDescriptionColumns);
}

void FlagParser::add(const char* name, const char* value_name, const char* description) {
  // Values stay text until they are read, so that all errors have one form.
  groups_.back().add_options()(name, po::value<Texts>()->composing()->value_name(value_name),
                               description);
}

void FlagParser::add_switch(const char* name, const char* description) {
  groups_.back().add_options()(name, description);
}

void FlagParser::parse(int argc, const char* const* argv) {
  constexpr const char* kStray = "stray";  // arguments that are no flags; no tool takes any
  po::options_description all;
  for (const po::options_description& group : groups_) {
    all.add(group);
  }
  all.add_options()(kStray, po::value<Texts>());
  po::positional_options_description stray;  // the parser keeps a reference
  stray.add(kStray, -1);
  try {
    po::command_line_parser parser(argc, argv);
    parser.options(all).positional(stray);
    parser.style(po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
                 po::command_line_style::long_allow_next);
    po::store(parser.run(), given_);
  } catch (const po::unknown_option& error) {
    fail("unknown flag '" + without_dashes(error.get_option_name()) + "'; --help lists them");
  } catch (const po::error_with_option_name& error) {
    fail("flag '" + without_dashes(error.get_option_name()) + "': " +
         (dynamic_cast<const po::invalid_command_line_syntax*>(&error) != nullptr
              ? "its value is missing, or it takes none"
              : error.what()));
  }
  if (has(kStray)) {
    fail("'" + texts(kStray).front() + "' is no flag; --help lists them");
  }
}

std::vector<std::string> FlagParser::texts(const char* name) const {
  return has(name) ? given_[name].as<Texts>() : Texts();
}

std::string FlagParser::text(const char* name, std::string otherwise) const {
  return has(name) ? texts(name).back() : std::move(otherwise);
}

void FlagParser::fail(const std::string& message) {
  if (status_.ok()) {
    status_ = invalid_argument(message);
  }
}

std::string FlagParser::help() const {
  std::ostringstream text;
  text << synopsis_ << '\n';
  for (const po::options_description& group : groups_) {
    text << '\n' << group;
  }
  return text.str();
}

}  // namespace compiler_gym
