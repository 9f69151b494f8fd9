#!/usr/bin/env escript
%% Plays scenarios with OTP's own supervisor and writes what it did, one line of JSON each:
%%     escript recorder.escript SCENARIOS > RECORDING
%% A scenario is {Number, Strategy, Intensity, AutoShutdown, [{Id, Restart, IsSignificant}], [Step]}.
%% Each step is taken when the supervisor has come to rest after the one before.
-mode(compile).
-behaviour(supervisor).
-export([main/1, init/1, start_one/1]).

main([File]) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    ets:new(log, [named_table, public, ordered_set]),
    ets:new(fails, [named_table, public]),
    {ok, Scenarios} = file:consult(File),
    lists:foreach(fun play/1, Scenarios).

play({Number, Strategy, Intensity, Auto, Specs, [{fail, Fails} | Steps]}) ->
    ets:delete_all_objects(fails),
    ets:insert(fails, Fails),
    Flags = #{strategy => Strategy, intensity => Intensity, period => 100000, auto_shutdown => Auto},
    Children = [spec(Spec) || Spec <- Specs],
    case supervisor:start_link(?MODULE, {Flags, Children}) of
        {ok, Sup} ->
            First = seen("started", rest(Sup)),
            Rest = steps(Steps, Sup, []),
            put_line(Number, [First | Rest]);
        {error, {shutdown, _}} ->
            receive {'EXIT', _, _} -> ok end,
            put_line(Number, [seen("did_not_start", ended(shutdown))])
    end.

init(What) -> {ok, What}.

spec({Id, Restart, IsSignificant}) ->
    #{id => Id, start => {?MODULE, start_one, [Id]}, restart => Restart, significant => IsSignificant}.

start_one(Id) ->
    case ets:lookup(fails, Id) of
        [{_, N}] when N > 0 ->
            ets:insert(fails, {Id, N - 1}),
            note("fail", Id),
            {error, no};
        _ ->
            Sup = self(),
            Pid = spawn_link(fun() -> process_flag(trap_exit, true), Sup ! {up, self()}, child(Id, Sup) end),
            receive {up, Pid} -> ok end,
            note("start", Id),
            {ok, Pid}
    end.

child(Id, Sup) ->
    receive
        {leave, Reason} -> exit(Reason);
        {'EXIT', Sup, Reason} -> note("stop", Id), exit(Reason)
    end.

note(What, Id) -> ets:insert(log, {erlang:unique_integer([monotonic]), What ++ " " ++ atom_to_list(Id)}).

steps([], Sup, Done) ->
    exit(Sup, shutdown),
    lists:reverse([seen("shut_down", rest(Sup)) | Done]);
steps([Step | Steps], Sup, Done) ->
    Answer = step(Step, Sup),
    Rest = rest(Sup),
    Seen = [seen(Answer, Rest) | Done],
    case Rest of
        {ended, _} -> lists:reverse(Seen);
        _ -> steps(Steps, Sup, Seen)
    end.

step({leave, Id, Reason}, Sup) ->
    case [Pid || {One, Pid, _, _} <- supervisor:which_children(Sup), One =:= Id, is_pid(Pid)] of
        [Pid] ->
            Ref = monitor(process, Pid),
            Pid ! {leave, Reason},
            receive {'DOWN', Ref, _, _, _} -> "left" end;
        [] -> "nobody"
    end;
step({fails, Id, N}, _Sup) -> ets:insert(fails, {Id, N}), "noted";
step({add, Spec}, Sup) -> word(supervisor:start_child(Sup, spec(Spec)));
step({terminate, Id}, Sup) -> word(supervisor:terminate_child(Sup, Id));
step({restart, Id}, Sup) -> word(supervisor:restart_child(Sup, Id));
step({delete, Id}, Sup) -> word(supervisor:delete_child(Sup, Id)).

word(ok) -> "ok";
word({ok, _}) -> "ok";
word({error, {already_started, _}}) -> "already_started";
word({error, {bad_combination, _}}) -> "invalid";
word({error, Word}) when Word =:= no -> "start_failed";
word({error, {no, _}}) -> "start_failed";
word({error, Word}) when is_atom(Word) -> atom_to_list(Word).

%% Wait until nothing changes any more; the monotonic clock of the intensity plays no part, for its period is so long.
rest(Sup) ->
    timer:sleep(1),
    receive {'EXIT', Sup, Reason} -> ended(Reason)
    after 0 ->
        case catch supervisor:which_children(Sup) of
            {'EXIT', _} -> rest(Sup);
            Seen ->
                timer:sleep(1),
                Busy = [Id || {Id, restarting, _, _} <- Seen],
                case catch supervisor:which_children(Sup) of
                    Seen when Busy =:= [] -> {running, lists:reverse(Seen)}; % it lists the newest first
                    _ -> rest(Sup)
                end
        end
    end.

ended(Reason) -> {ended, Reason}.

seen(Answer, Rest) ->
    Log = [What || {_, What} <- ets:tab2list(log)],
    ets:delete_all_objects(log),
    {End, Children} =
        case Rest of
            {ended, Reason} -> {atom_to_list(Reason), []};
            {running, Seen} -> {"", [atom_to_list(Id) ++ " " ++ status(Pid) || {Id, Pid, _, _} <- Seen]}
        end,
    ["{\"answer\":", quoted(Answer), ",\"log\":", list(Log), ",\"children\":", list(Children), ",\"end\":", quoted(End), "}"].

status(undefined) -> "absent";
status(Pid) when is_pid(Pid) -> "running".

quoted(Text) -> ["\"", Text, "\""].
list(Texts) -> ["[", lists:join(",", [quoted(Text) || Text <- Texts]), "]"].

put_line(Number, Seen) ->
    io:format("{\"number\":~b,\"seen\":[~s]}~n", [Number, lists:join(",", Seen)]).
