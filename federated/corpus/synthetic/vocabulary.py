"""The personal vocabulary of the fictional users of the synthetic corpus: names, places, jobs, hobbies, habits.

All of it was invented for Thumbprint. `|` separates alternatives.
"""

import re


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", " ").split("|")]


def _table(text: str) -> dict[str, list[list[str]]]:
    """Parses entries `name: a|b / c|d`, one per line; an indented line continues an entry."""
    rows = (row.partition(": ") for row in re.split(r"\n(?! )", text.strip()))
    return {name: [_split(field) for field in fields.split("/")] for name, _, fields in rows}


NAMES = _split("""anna|ben|carla|dev|elif|farid|grace|hana|ivan|jasmine|kofi|lena|marco|nadia|oscar|priya|quentin|
rosa|samir|tara|umar|vera|wei|ximena|yusuf|zoe|aaron|bella|caleb|diana|emeka|fiona|george|hugo|irene|jonas|kavya|
liam|mei|noah|olga|paulo|rachel|stefan|tina|ursula|viktor|wanda|yara|zane|amara|boris|chloe|dario|esther|felix|gita|
hamid|ingrid|joel|katya|luis|maya|nikos|omar|petra|rahul|sofia|tomas|veronica|william|yuki|alice|bruno|clara|daniel|
eva|frank|gloria|henry|isabel|jack|karen|leo|monica|nathan|olivia|peter|rita|sean|teresa|victor|wendy|alex|bianca|
cyrus|dora|edgar|freya|gareth|helen|imran|julia|kenji|laura|malik|nina|orla|pablo|renu|sunil|thea|adwoa|bashir|
celine|dmitri|eleni|faisal|gemma|harun|ilse|jorge|kirsten|lorenzo|mabel|nasrin|otto|pilar|ravi|sabine|tariq|uma|
valentina""")
SYLLABLES = _split("""mo|ti|bu|ka|ro|li|za|pe|nu|fi|do|ba|chi|lo|ju|ni|ri|wu|pip|tam|bo|ko|sha|mim|zi|gus|dum|noo|vi|
ha|kek|fro|lu|yo|ziz|pom""")
AREAS = _split("""the harbour|old town|the riverside|maple street|the botanic garden|north beach|the market square|
hill park|the canal|eastgate|the lake|station road|chapel lane|the docks|sunset boulevard|the stadium|westfield|
the museum|queens road|the lighthouse|willow park|the observatory|mill lane|the promenade|kings cross|the arboretum|
bridge street|the fairground|victoria square|the boardwalk|rose valley|cedar grove|the quarry|union plaza|
the viaduct|orchard road|the marina|pine ridge|the citadel|green lanes""")
CAFE_FIRST = _split("""blue|copper|golden|little|rusty|velvet|crooked|hidden|lucky|northern|paper|quiet|royal|silver|
sleepy|tiny|wild|jolly|amber|salty""")
CAFE_LAST = _split("""spoon|kettle|lantern|anchor|fig|bean|oven|parrot|table|whale|olive|bicycle|sparrow|barrel|
pepper|tiger|lemon|fox|mango|turtle""")
CITIES = _split("""lisbon|tokyo|berlin|nairobi|lima|cairo|oslo|mumbai|seoul|prague|toronto|hanoi|dublin|athens|bali|
krakow|havana|porto|manila|vienna|dakar|quito|delhi|rome|sydney|chicago|istanbul|lagos|jakarta|zurich|penang|kyoto|
marrakesh|montreal|reykjavik""")
DISHES = _split("""fried rice|dumplings|lasagna|tacos|ramen|pancakes|curry|falafel|pizza|sushi|paella|burgers|
jollof rice|pad thai|pierogi|biryani|chicken soup|laksa|pho|risotto|shakshuka|fish and chips|bibimbap|mac and cheese|
gnocchi|samosas|couscous|dosa|goulash|ceviche|quiche|roti|meatballs|chili|satay|moussaka|waffles|gumbo|kimchi stew|
spring rolls|banana bread|carrot cake|apple pie|hot pot|mashed potatoes|burritos""")
DRINKS = _split("""coffee|beer|tea|lemonade|milkshake|smoothie|latte|cider|hot chocolate|bubble tea|cocktail|
espresso|juice|chai|kombucha|ginger ale""")
SHOWS = _split("""the lost harbour|midnight kitchen|detective moss|the glass crown|paper tigers|starfall|the bakers|
quiet water|second sunrise|the iron coast|neighbours upstairs|galaxy patrol|the long winter|ghost orchard|
city of lanterns|the understudy|red canyon|love on mars|the clockmaker|salt and honey|the vanishing hour|
seven bridges""")
BANDS = _split("""the velvet owls|paper moon|static garden|the night ferries|cobalt|sugar wolves|the tin hearts|
lunar picnic|echo parade|the marble kids|neon tide|wild thistle|glasshouse|the sunday drivers|broken compass|
tambourine sky""")
RELATIVES = _split("sister|brother|cousin|aunt|uncle|niece|nephew|grandma|grandpa|daughter|son|sister in law")
PHRASES = _split("""no worries at all|that's how it goes|to be honest|what a day|same old story|it is what it is|
fingers crossed|living the dream|not my problem|here we go again|we'll see about that|easy peasy|i'm not even joking|
better late than never|no rest for the wicked|happy days|i rest my case|what can you do|good times|oh my goodness|
you only live once|just my luck|that's the spirit|long story short|go figure|bob's your uncle|i could write a book|
hold your horses|mark my words|piece of cake|touch wood|this too shall pass|absolutely not""")
LAUGHS = _split("haha|lol|hahaha|hehe|lmao|rofl|heh|hihi|ahaha|jaja")
ENDEARMENTS = _split("dear|babe|mate|love|honey|buddy|darling|sweetie|bro|sis|my friend|boss|champ")
CLOSERS = _split("xx|:)|take care|love you|cheers|xoxo|;)|hugs|:-)|kisses|ciao|later|:p|<3|peace|thanks|tata|see ya")
MEALS = _split("lunch|dinner|breakfast|supper|brunch|tea")

# Job or course: whom one meets there / what one does / where.
WORK = _table("""
nurse: the head nurse|the surgeon|a patient|the night team / the ward round|the night shift|the charts|
  the medication list|the discharge papers|the handover|the blood samples|the rota / the ward|the hospital|the clinic
teacher: the headmaster|a parent|my class|the substitute / the lesson plan|the test papers|the school play|
  the report cards|the field trip|the homework|the parents evening|the spelling quiz / school|the staff room|
  the classroom
chef: the waiter|the head chef|the supplier|the food critic / the menu|the dessert station|the sauce|
  the seafood order|the lunch service|the inventory|the wedding banquet|the sourdough / the restaurant|
  the kitchen line|the cold room
programmer: the client|the product manager|the intern|the tester / the release|the code review|the login bug|
  the database migration|the standup|the server upgrade|the sprint demo|the unit tests / the office|the data centre|
  my desk
builder: the foreman|the architect|the electrician|the inspector / the scaffolding|the concrete|the roof beams|
  the blueprint|the tiling|the plaster|the drainage|the safety check / the site|the depot|the new tower
driver: the dispatcher|a passenger|the mechanic|the ticket inspector / the night route|the oil change|the delivery|
  the timetable|the parcel run|the brake repair|the airport transfer|the logbook / the garage|the terminal|
  the warehouse
lawyer: the judge|the client|the paralegal|the witness / the contract|the hearing|the affidavit|the settlement|
  the case file|the deposition|the appeal|the merger / the courthouse|the firm|chambers
shop assistant: the store manager|a customer|the cashier|the security guard / the stocktaking|the window display|
  the till|the refund|the summer sale|the delivery boxes|the price tags|the closing shift / the shop|the stockroom|
  the till
farmer: the vet|the buyer|the neighbour|the tractor guy / the harvest|the milking|the irrigation|the fence|
  the lambing|the hay bales|the seedlings|the market stall / the barn|the field|the greenhouse
journalist: the editor|a source|the photographer|the mayor / the headline|the interview notes|the front page|
  the podcast|the deadline piece|the election coverage|the fact check|the column / the newsroom|the press room|
  city hall
biology: the professor|my lab partner|the tutor|the postdoc / the lab report|the microscope slides|
  the genetics essay|the fruit flies|the enzyme assay|the ecology fieldwork|the protein gel|the midterm / campus|
  the lab|the lecture hall
law course: the lecturer|my study group|the tutor|the moot judge / the moot court|the torts reading|the case brief|
  the contracts exam|the seminar paper|the mock trial|the footnotes|the constitution essay / the law library|campus|
  the seminar room
economics: the professor|the teaching assistant|my group|the dean / the problem set|the econometrics project|
  the game theory quiz|the presentation|the regression|the thesis proposal|the finals|the macro lecture / campus|
  the library|the computer lab
art course: the curator|the model|my tutor|the gallery owner / the portfolio|the still life|the exhibition|
  the charcoal sketch|the sculpture|the screen print|the degree show|the mural / the studio|art school|the gallery
engineering: the professor|my project team|the technician|the sponsor / the circuit board|the thermodynamics exam|
  the bridge model|the robot arm|the soldering|the calculus homework|the wind tunnel test|the drone / the workshop|
  campus|the maker space
""")

# Hobby: what one says one does / its things / its places / who teaches it.
HOBBIES = _table("""
climbing: climbing|bouldering / harness|rope|chalk bag|carabiner|grip|belay|helmet / the climbing wall|the crag /
  the instructor
football: football practice|five a side / jersey|goalkeeper glove|free kick|penalty|shin pad|dribble|corner kick /
  the pitch|the stadium / the coach
guitar: guitar practice|jamming / capo|amp|chord|pedal|strap|riff|plectrum|solo / the rehearsal room|the open mic /
  my guitar teacher
baking: baking|cake decorating / whisk|piping bag|sourdough starter|rolling pin|glaze|cake tin|meringue /
  the bake sale|the pastry class / the pastry chef
cycling: cycling|the group ride / saddle|inner tube|derailleur|pannier|chain|sprint|pedal stroke / the velodrome|
  the hill climb / the team captain
photography: photography|shooting portraits / tripod|lens|filter|flash|memory card|exposure|portrait / the darkroom|
  the photo walk / the photographer
chess: chess|blitz chess / chess clock|opening|endgame|gambit|bishop|knight fork|rook / the chess club|
  the tournament / the grandmaster
gardening: gardening|weeding / trowel|tomato plant|compost bin|hose|rose bush|seed tray|pruning / the allotment|
  the garden centre / the gardener
swimming: swimming|laps / goggles|backstroke|butterfly kick|swim cap|kickboard|flip turn|wetsuit / the pool|the bay /
  the swim coach
gaming: raiding|ranked matches / controller|headset|guild|quest|keyboard|build|loot|speedrun / the lan party|
  the arcade / the guild leader
yoga: yoga|meditation / yoga mat|headstand|warrior pose|breathing|incense|plank|handstand / the yoga studio|
  the retreat / the yoga teacher
knitting: knitting|crochet / yarn|needle|pattern|cable stitch|bobble hat|cardigan|purl / the wool shop|
  the knitting circle / the knitting lady
running: running|interval training / stopwatch|marathon plan|pacer|tempo run|running shoe|finish time|warm up /
  the track|parkrun / the running coach
fishing: fishing|fly fishing / reel|bait|trout|tackle box|hook|float|carp / the reservoir|the pier / the old fisherman
dance: salsa|dance class / routine|pirouette|costume|footwork|spin|choreography|tango step / the dance floor|
  the ballroom / the choreographer
film: film making|editing / storyboard|camera rig|screenplay|soundtrack|trailer|close up|montage / the film club|
  the cinema / the director
pottery: pottery|throwing clay / glaze bowl|kiln|clay vase|teapot|wheel|saucer|mug handle / the kiln room|
  the craft fair / the potter
astronomy: stargazing|astronomy / telescope|eyepiece|star chart|comet|nebula photo|eclipse filter|tracker /
  the dark sky park|the dome / the astronomer
""")

# Where one lives: what one calls parents / money / what one adds to a sentence.
COUNTRIES = _table("""
United Kingdom: mum|dad / quid / innit|proper|bloody hell|cheers
United States: mom|dad / bucks / y'all|totally|dude|for sure
Singapore: mummy|papa / dollars / lah|leh|can or not|sia
India: amma|appa / rupees / yaar|only|na|accha
Australia: mum|dad / dollars / no worries|heaps|arvo|reckon
Nigeria: mummy|daddy / naira / abeg|sha|o|wahala
""")

# Spelling habits: what some write for what; longer phrases come first.
SHORT_FORMS = _table("""
i don't know: dunno|idk
going to: gonna|going to
want to: wanna
have to: hafta|gotta
see you: cya|c u
you're: ur|youre
you: u|ya
your: ur|yr
are: r
tomorrow: tmr|tomoz|2moro
tonight: tonite|2nite
please: pls|plz
thank you: thx|ty
thanks: thx|tks|ta
okay: ok|k|okie
love: luv
people: ppl
great: gr8
later: l8r|ltr
about: abt
with: w|wif
because: cos|bc
something: smth
message: msg
really: rly|reallyy
what: wat|wot
the: da|the
good: gd
morning: mornin
night: nite
today: 2day|tdy
sorry: sry|soz
minutes: mins
before: b4
this: dis|this
i'm: im
don't: dont
can't: cant
it's: its
what's: whats
weekend: wkend
birthday: bday
brother: bro
definitely: defo
probably: prob
so: sooo|so
yes: yea|yup|yeah|ya
no: nope|nah|no
""")
