#include "tools/fuzz/service_facts.h"

#include "tools/load/service_spaces.h"

namespace compiler_gym::fuzz {

Result<ServiceFacts> facts_of(const GetSpacesReply& spaces) {
  ServiceFacts facts;
  for (const ActionSpace& space : spaces.action_space_list()) {
    const Result<std::int64_t> count = count_actions(space);
    if (!count) {
      return count.error();
    }
    facts.action_counts.push_back(*count);
  }
  facts.observation_count = spaces.observation_space_list_size();
  for (int i = 0; i < spaces.observation_space_list_size(); ++i) {
    const std::string& name = spaces.observation_space_list(i).name();
    if (name != "BitcodeFile") {  // leaves a file that is the client's
      facts.observations.push_back(i);
    }
    if (name == "IrSha1") {
      facts.fingerprint = i;
    }
  }
  return facts;
}

}  // namespace compiler_gym::fuzz
