/** Words that say nothing of a topic though WordNet knows a noun that is written so: `in` is an inch there, and `he` helium. */
export const functionWords: ReadonlySet<string> = new Set(
  `a about above across after again against all almost along also although always am among an and another any anyone anything are around
  as at away back be because been before being below between both but by can cannot could did do does doing done down during each either
  else enough etc even ever every few first for from further get go got had has have having he hence her here hers herself him himself his
  how however i if in indeed instead into is it its itself just last least less let like made make many may me might mine more most much must
  my myself near neither never next no nobody none nor not nothing now of off often on once one only onto or other others our ours out over
  own per perhaps quite rather same see several she should since so some someone something still such than that the their theirs them
  themselves then there these they thing things this those though through thus to together too toward towards two under until up upon us use
  used very was way we well went were what when where whether which while who whole whom whose why will with within without would yes yet you
  your yours yourself`.split(/\s+/),
);
