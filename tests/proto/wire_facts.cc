#include "tests/proto/wire_facts.h"

#include <google/protobuf/descriptor.pb.h>

#include <istream>
#include <regex>
#include <stdexcept>
#include <vector>

namespace compiler_gym::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// -------------------------------------------------------------------------------- from descriptors

// A name as the table writes it: without the package, if it is the file's own.
std::string name_in_table(const std::string& full_name, const FileDescriptor& file) {
  const std::string package = file.package() + ".";
  return full_name.starts_with(package) ? full_name.substr(package.size()) : full_name;
}

std::string type_of(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_MESSAGE
             ? name_in_table(field.message_type()->full_name(), *field.file())
             : field.type_name();
}

std::string fact_of(const FieldDescriptor& field) {
  std::string fact = name_in_table(field.containing_type()->full_name(), *field.file()) + ": " +
                     std::to_string(field.number()) + " " + field.name() + " ";
  if (field.is_map()) {
    fact += "map<" + type_of(*field.message_type()->map_key()) + "," +
            type_of(*field.message_type()->map_value()) + ">";
  } else {
    fact += (field.is_repeated() ? "repeated " : "") + type_of(field);
  }
  if (field.is_packable() && !field.is_packed()) {
    fact += " unpacked";
  }
  if (field.containing_oneof() != nullptr) {
    fact += " in oneof " + field.containing_oneof()->name();
  }
  return fact;
}

void add_message(const Descriptor& message, WireFacts& facts) {
  const std::string name = name_in_table(message.full_name(), *message.file());
  facts.insert("message " + name);
  for (int i = 0; i < message.field_count(); ++i) {
    facts.insert(fact_of(*message.field(i)));
  }
  for (int i = 0; i < message.reserved_range_count(); ++i) {
    for (int n = message.reserved_range(i)->start; n < message.reserved_range(i)->end; ++n) {
      facts.insert(name + ": " + std::to_string(n) + " is reserved");
    }
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    if (!message.nested_type(i)->options().map_entry()) {
      add_message(*message.nested_type(i), facts);
    }
  }
  for (int i = 0; i < message.enum_type_count(); ++i) {
    facts.insert("enum " + name + "." + message.enum_type(i)->name());
  }
}

std::string fact_of(const MethodDescriptor& method) {
  const auto stream = [](bool streaming) { return streaming ? "stream " : ""; };
  const FileDescriptor& file = *method.file();
  return "rpc " + method.name() + "(" + stream(method.client_streaming()) +
         name_in_table(method.input_type()->full_name(), file) + ") returns " +
         stream(method.server_streaming()) + name_in_table(method.output_type()->full_name(), file);
}

// ------------------------------------------------------------------------------------ from a table

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find(separator, begin)) != std::string::npos;
       begin = end + separator.size()) {
    parts.push_back(text.substr(begin, end - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::smatch matched(const std::string& text, const char* pattern) {
  std::smatch match;
  if (!std::regex_match(text, match, std::regex(pattern))) {
    throw std::runtime_error("cannot read '" + text + "' in the wire table");
  }
  return match;
}

void add_field(const std::string& message, const std::string& field, const std::string& oneof,
               WireFacts& facts) {
  const std::smatch match = matched(field, R"((\d+) (\w+) ([\w.,<>]+)(\*?))");
  facts.insert(message + ": " + match.str(1) + " " + match.str(2) + " " +
               (match.length(4) != 0 ? "repeated " : "") + match.str(3) +
               (oneof.empty() ? "" : " in oneof " + oneof));
}

// `cell` is for example `1 name string; 2 action Event*; {value: 3 a bool, 4 b sint64}`.
void add_message_row(const std::string& message, const std::string& cell, WireFacts& facts) {
  facts.insert("message " + message);
  if (cell == "(none)") {
    return;
  }
  for (const std::string& item : split(cell, "; ")) {
    if (!item.starts_with("{")) {
      add_field(message, item, "", facts);
      continue;
    }
    const std::smatch oneof = matched(item, R"(\{(\w+): (.*)\})");
    for (const std::string& member : split(oneof.str(2), ", ")) {
      add_field(message, member, oneof.str(1), facts);
    }
  }
}

// `line` is for example `Reserved numbers: StartSessionRequest 1; StartSessionReply 2.`
void add_reserved(const std::string& line, WireFacts& facts) {
  for (const std::string& item : split(matched(line, R"(Reserved numbers: (.*)\.)").str(1), "; ")) {
    const std::smatch match = matched(item, R"((\w+) (\d+))");
    facts.insert(match.str(1) + ": " + match.str(2) + " is reserved");
  }
}

}  // namespace

WireFacts facts_of_descriptor(const FileDescriptor& file) {
  WireFacts facts;
  for (int i = 0; i < file.message_type_count(); ++i) {
    add_message(*file.message_type(i), facts);
  }
  for (int i = 0; i < file.enum_type_count(); ++i) {
    facts.insert("enum " + file.enum_type(i)->name());
  }
  for (int i = 0; i < file.service_count(); ++i) {
    const ServiceDescriptor& service = *file.service(i);
    facts.insert("service " + service.full_name());
    for (int j = 0; j < service.method_count(); ++j) {
      facts.insert(fact_of(*service.method(j)));
    }
  }
  return facts;
}

WireFacts facts_of_table(std::istream& table) {
  WireFacts facts;
  for (std::string line; std::getline(table, line);) {
    if (line.starts_with("Reserved numbers:")) {
      add_reserved(line, facts);
    } else if (line.starts_with("service ")) {
      facts.insert("service " + matched(line, "service `(.*)`").str(1));
    } else if (line.starts_with("| ") && !line.starts_with("| RPC ") &&
               !line.starts_with("| message ")) {
      const std::vector<std::string> cells = split(line.substr(2, line.size() - 4), " | ");
      if (cells.size() == 3) {
        facts.insert("rpc " + cells[0] + "(" + cells[1] + ") returns " + cells[2]);
      } else if (cells.size() == 2) {
        add_message_row(cells[0], cells[1], facts);
      } else {
        throw std::runtime_error("cannot read the row '" + line + "' of the wire table");
      }
    }
  }
  return facts;
}

}  // namespace compiler_gym::testing
